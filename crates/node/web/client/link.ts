/**
 * One Socket.IO connection to one node, and the loop that always keeps one open.
 * Here: addresses, time-outs, waiting between attempts. Not here: what is said over it.
 */
import { io, type Socket } from "socket.io-client";
import { backoffMs } from "./backoff.ts";
import type { Requests, ServerEvents, Tellings } from "./protocol.ts";

/** A request without an answer after this time means that the edge is dead. */
const ANSWER_MS = 3_000;
const CONNECT_MS = 5_000;

/** The server answered `{error}`. */
export class RefusedError extends Error {}
/** No answer will come: the connection is gone. */
export class LostError extends Error {}

export class Link {
  constructor(
    private readonly socket: Socket,
    private readonly onSilence: () => void,
  ) {}

  get id(): string {
    return this.socket.id ?? "";
  }

  get alive(): boolean {
    return this.socket.connected;
  }

  /** `websocket` or `polling`. */
  get carrier(): string {
    return this.socket.io.engine?.transport.name ?? "";
  }

  /** Asks and waits for the answer; rejects with `RefusedError` or `LostError`. */
  async request<Name extends keyof Requests>(name: Name, ask: Requests[Name]["ask"]): Promise<Requests[Name]["answer"]> {
    if (!this.socket.connected) throw new LostError(`${name}: not connected`);
    let answer: { error?: unknown };
    try {
      answer = (await this.socket.timeout(ANSWER_MS).emitWithAck(name, ask)) ?? {};
    } catch {
      if (this.socket.connected) this.onSilence();
      throw new LostError(`${name}: no answer`);
    }
    if (answer.error !== undefined) throw new RefusedError(String(answer.error));
    return answer as Requests[Name]["answer"];
  }

  tell<Name extends keyof Tellings>(name: Name, payload: Tellings[Name]): void {
    if (this.socket.connected) this.socket.emit(name, payload);
  }
}

export interface LinkEvents {
  /** A new connection stands; whatever the former one held is void. */
  up(link: Link): void;
  down(): void;
  event<Name extends keyof ServerEvents>(name: Name, payload: ServerEvents[Name]): void;
}

/** Keeps one `Link` open until stopped, trying the known nodes in turn. */
export class LinkKeeper {
  private socket: Socket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private urls: string[];
  private url: string;

  constructor(
    private readonly origin: string,
    private readonly events: LinkEvents,
  ) {
    this.urls = [origin];
    this.url = origin;
  }

  start(): void {
    this.open();
  }

  /** Attempts start from a short wait again. Called when the session is fully up, not when only the socket is. */
  settled(): void {
    this.attempt = 0;
  }

  /** Other nodes to try when this one fails. */
  setEdges(edges: readonly string[]): void {
    const usable = edges.filter((edge) => edge.startsWith("https:") || !this.origin.startsWith("https:"));
    this.urls = [...new Set([this.origin, ...usable])];
  }

  /** Gives up the connection and makes another one, to another node if one is known. */
  replace(): void {
    this.retry();
  }

  /** Does not wait for the next attempt, for example when the network is back. */
  hurry(): void {
    if (!this.socket?.connected && this.timer !== undefined) this.open();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.discard();
  }

  private open(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.discard();
    const socket = io(this.url, {
      forceNew: true,
      reconnection: false,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      timeout: CONNECT_MS,
    });
    this.socket = socket;
    socket.once("connect", () => this.events.up(new Link(socket, () => this.lose(socket))));
    socket.once("connect_error", () => this.lose(socket));
    socket.once("disconnect", () => this.lose(socket));
    socket.onAny((name: keyof ServerEvents, payload) => this.events.event(name, payload));
  }

  private lose(socket: Socket): void {
    if (socket === this.socket) this.retry();
  }

  private retry(): void {
    this.discard();
    this.events.down();
    this.attempt += 1;
    const next = (this.urls.indexOf(this.url) + 1) % this.urls.length;
    this.url = this.urls[next] ?? this.origin;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), backoffMs(this.attempt, Math.random()));
  }

  private discard(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.off();
    socket?.offAny();
    socket?.disconnect();
  }
}
