/**
 * A peer's place in one room: joins, publishes, receives, and does it all again whenever the connection or the media
 * path is lost. The only state that outlives a connection is what the peer wants to send and who it is.
 */
import { Device, type types } from "mediasoup-client";
import { Emitter } from "./emitter.ts";
import type { Source } from "./encodings.ts";
import type { Layers } from "./layers.ts";
import { type Link, LinkKeeper, RefusedError } from "./link.ts";
import { EXTENSIONS, type ListedPeer, type ServedBy, type ServerEvents } from "./protocol.ts";
import { Receiver } from "./receiver.ts";
import { type Peer, Roster } from "./roster.ts";
import { type MediaContext, Sender } from "./sender.ts";
import { Rates, readInbound, readOutbound, readPath, type Stats } from "./stats.ts";

export type EndReason = "left" | "full" | "refused" | "kicked" | "unsupported";

/** Where the peer stands. `away`: the server can't be reached, attempts go on. */
export type Status =
  | { phase: "connecting" }
  | { phase: "joined" }
  | { phase: "away"; closing: boolean }
  | { phase: "ended"; reason: EndReason; text: string };

export interface RoomOptions {
  /** Address of the node, such as `https://call.example`. */
  url: string;
  roomId: string;
  name: string;
  /** Stays the same while this page lives, also over reconnects. */
  peerId: string;
  simulcast: boolean;
}

export type RoomEvents = {
  status: Status;
  /** Something about who is here or what they send has changed. */
  change: undefined;
  joined: Peer;
  left: Peer;
  /** Something of this peer's own could not be done; the call goes on. */
  trouble: string;
};

interface Media {
  sender: Sender;
  receiver: Receiver;
}

/** A join that the server refuses this often in a row is given up. */
const REFUSALS = 4;
/** Media that broke this often in a row needs a new connection, perhaps to another node. */
const BREAKS = 3;
const REBUILD_MS = 10_000;
/** How long a path may be without packets before it counts as broken; doubled at every break, up to the longest. */
const PATIENCE_MS = 10_000;
const LONGEST_PATIENCE_MS = 80_000;

export class RoomClient extends Emitter<RoomEvents> {
  status: Status = { phase: "connecting" };
  /** The id by which the others know this peer. */
  selfId: string;
  speaker: string | null = null;
  selfQuality: number | null = null;
  servedBy: ServedBy = {};
  /** The signalling stands but packets do not get through. */
  mediaBroken = false;

  private readonly keeper: LinkKeeper;
  private readonly roster = new Roster();
  private readonly outgoing = new Map<Source, MediaStreamTrack>();
  private muted = false;
  private link: Link | null = null;
  private device: types.Device | null = null;
  private media: Media | null = null;
  private list: ListedPeer[] = [];
  private refusals = 0;
  private breaks = 0;
  private readonly rates = Object.assign(new Rates(), { last: null as Stats | null });

  constructor(private readonly options: RoomOptions) {
    super();
    this.selfId = options.peerId;
    this.keeper = new LinkKeeper(options.url, {
      up: (link) => void this.join(link),
      down: () => this.lost(),
      event: (name, payload) => this.hear(name, payload),
    });
  }

  start(): void {
    this.keeper.start();
  }

  /** Tells the server that this peer goes, and closes everything. Quick enough for a page that is being closed. */
  leave(): void {
    this.end("left", "");
  }

  /** The network may be back: do not wait for the next attempt. */
  hurry(): void {
    this.keeper.hurry();
  }

  get peers(): Peer[] {
    return this.roster.peers;
  }

  /** Sends `track` for `source` from now on, also after reconnects, or stops sending it. */
  publish(source: Source, track: MediaStreamTrack | null): void {
    if (track) this.outgoing.set(source, track);
    else this.outgoing.delete(source);
    this.tellState();
    if (this.media && this.joined) this.send(this.media.sender, source, track);
  }

  /** Says that the microphone is silent. The caller silences the track itself. */
  setMuted(muted: boolean): void {
    this.muted = muted;
    this.tellState();
  }

  /** Asks for the layers that suit how a received video is shown. */
  prefer(consumerId: string, layers: Layers): void {
    if (this.joined) this.media?.receiver.prefer(consumerId, layers);
  }

  /** Numbers about everything received and sent. Readings closer than 250 ms share one result. */
  async stats(): Promise<Stats> {
    const at = performance.now();
    if (this.rates.last && at - this.rates.last.at < 250) return this.rates.last;
    const { receiver, sender } = this.media ?? {};
    const [incoming, outgoing] = await Promise.all([receiver?.getStats(), sender?.getStats()]);
    const tracks = this.peers.flatMap((peer) => peer.tracks);
    const inboundKeys = tracks.map(({ track, layers: _, ...names }) => ({ ...names, trackId: track.id }));
    const outboundKeys = [...(sender?.sending ?? [])].map(([source, producer]) => ({
      source,
      trackId: producer.track?.id ?? "",
    }));
    const stats: Stats = {
      at,
      inbound: incoming ? readInbound(incoming as never, inboundKeys, this.rates, at) : [],
      outbound: outgoing ? readOutbound(outgoing as never, outboundKeys, this.rates, at) : [],
      paths: [outgoing && readPath(outgoing as never, "send"), incoming && readPath(incoming as never, "recv")].filter(
        (path) => path != null,
      ),
    };
    this.rates.next();
    this.rates.last = stats;
    return stats;
  }

  /** `websocket` or `polling`; empty without a connection. */
  get carrier(): string {
    return this.link?.carrier ?? "";
  }

  private get joined(): boolean {
    return this.status.phase === "joined";
  }

  private async join(link: Link): Promise<void> {
    this.link = link;
    try {
      await this.enter(link);
    } catch (error) {
      if (link !== this.link || this.status.phase === "ended") return;
      this.joinFailed(error);
    }
  }

  private joinFailed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof RefusedError) {
      this.refusals += 1;
      if (/full/i.test(text)) return this.end("full", text);
      if (/not authorized/i.test(text) || this.refusals >= REFUSALS) return this.end("refused", text);
    } else if (error instanceof Error && error.name === "UnsupportedError") {
      return this.end("unsupported", text);
    }
    this.keeper.replace();
  }

  /** The whole way into the room over a fresh connection. */
  private async enter(link: Link): Promise<void> {
    const { roomId, peerId, name } = this.options;
    const { rtpCapabilities } = await link.request("get-rtp-capabilities", { roomId });
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: rtpCapabilities });
    if (link !== this.link) return;
    // In place before the join, since the first producers may be told ahead of its answer.
    const old = this.media;
    const media = this.openMedia(link, device);
    this.device = device;
    const answer = await link.request("join-mediasoup-room", {
      roomId,
      rtpCapabilities: device.recvRtpCapabilities,
      userId: peerId,
      userName: name,
      extensions: EXTENSIONS,
    });
    if (link !== this.link || this.status.phase === "ended") return;
    old?.sender.close();
    old?.receiver.close();
    // Who meets a living peer with the same id (a copied tab) is listed by the id of the connection instead.
    this.selfId = this.list.some((row) => row.id === link.id) ? link.id : peerId;
    this.servedBy = answer.servedBy ?? {};
    this.keeper.setEdges(answer.edges ?? []);
    this.keeper.settled();
    this.refusals = 0;
    this.setStatus({ phase: "joined" });
    this.applyList();
    this.tellState();
    void this.fill(media, answer.existingProducers);
  }

  private openMedia(link: Link, device: types.Device): Media {
    const context: MediaContext = {
      link,
      device,
      roomId: this.options.roomId,
      simulcast: this.options.simulcast,
      patienceMs: Math.min(LONGEST_PATIENCE_MS, PATIENCE_MS * 2 ** this.breaks),
      onConnected: () => {
        this.breaks = 0;
        this.setMediaBroken(false);
      },
      onBroken: () => this.broke(media),
    };
    const media: Media = {
      sender: new Sender(context),
      receiver: new Receiver({
        ...context,
        onTrack: (track) => {
          this.roster.addTrack(track);
          this.changed();
        },
        onGone: (consumerId) => {
          this.roster.removeTrack(consumerId);
          this.changed();
        },
        onRefused: (producerId, reason) => console.warn(`producer ${producerId} can't be received: ${reason}`),
      }),
    };
    this.media = media;
    return media;
  }

  /** Sends everything that is wanted and receives `producerIds`; done when each has succeeded or failed. */
  private async fill(media: Media, producerIds: readonly string[]): Promise<void> {
    await Promise.all([
      ...[...this.outgoing].map(([source, track]) => this.send(media.sender, source, track)),
      ...producerIds.map((id) => media.receiver.want(id)),
    ]);
  }

  private async send(sender: Sender, source: Source, track: MediaStreamTrack | null): Promise<void> {
    try {
      await sender.publish(source, track);
    } catch (error) {
      // A lost connection brings its own cure; anything else is worth telling.
      if (error instanceof RefusedError) this.emit("trouble", `The server refused your ${source}: ${error.message}`);
      else console.warn(`sending ${source} failed`, error);
    }
  }

  /** Makes all media anew beside the old, then lets the old go. */
  private async rebuild(deadlineMs: number): Promise<void> {
    const { link, device, media: old } = this;
    if (!link || !device || !old || !this.joined) return;
    const next = this.openMedia(link, device);
    const late = setTimeout(() => link === this.link && this.keeper.replace(), deadlineMs);
    await this.fill(next, old.receiver.producerIds);
    clearTimeout(late);
    await old.sender.retire();
    old.receiver.close();
  }

  private broke(media: Media): void {
    if (media !== this.media || !this.joined) return;
    this.setMediaBroken(true);
    this.breaks += 1;
    if (this.breaks % BREAKS === 0) this.keeper.replace();
    else void this.rebuild(REBUILD_MS);
  }

  private setMediaBroken(broken: boolean): void {
    if (this.mediaBroken === broken) return;
    this.mediaBroken = broken;
    this.emit("status", this.status);
  }

  private lost(): void {
    this.link = null;
    if (this.status.phase !== "away") this.setStatus({ phase: "away", closing: false });
  }

  private end(reason: EndReason, text: string): void {
    if (this.status.phase === "ended") return;
    this.link?.tell("leave", { roomId: this.options.roomId });
    this.setStatus({ phase: "ended", reason, text });
    this.link = null;
    this.keeper.stop();
    this.media?.sender.close();
    this.media?.receiver.close();
    this.media = null;
    this.roster.clear();
    this.changed();
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.emit("status", status);
  }

  private changed(): void {
    this.emit("change", undefined);
  }

  private tellState(): void {
    if (!this.joined) return;
    this.link?.tell("update-my-state", {
      roomId: this.options.roomId,
      userId: this.selfId,
      isAudioMuted: this.muted || !this.outgoing.has("microphone"),
      isVideoPaused: !this.outgoing.has("camera"),
    });
  }

  private applyList(): void {
    const { joined, left } = this.roster.applyList(this.list, this.selfId);
    for (const peer of left) this.dropTracks(peer);
    for (const peer of joined) this.emit("joined", peer);
    for (const peer of left) this.emit("left", peer);
    this.changed();
  }

  private dropTracks(peer: Peer): void {
    for (const track of peer.tracks) this.media?.receiver.forget(track.producerId);
  }

  /** Everything that the server says unasked. */
  private hear<Name extends keyof ServerEvents>(name: Name, payload: ServerEvents[Name]): void {
    const heard = { name, payload } as { [N in keyof ServerEvents]: { name: N; payload: ServerEvents[N] } }[keyof ServerEvents];
    switch (heard.name) {
      case "new-producer":
        void this.media?.receiver.want(heard.payload.producerId);
        return;
      case "producer-closed":
        return this.media?.receiver.forget(heard.payload.producerId);
      case "participant-list-update":
        this.list = heard.payload;
        if (this.joined) this.applyList();
        return;
      case "participant-left": {
        const peer = this.roster.leave(heard.payload.peerId);
        if (!peer) return;
        this.dropTracks(peer);
        this.emit("left", peer);
        break;
      }
      case "participant-state-changed":
        this.roster.changeState(heard.payload.userId, heard.payload);
        break;
      case "active-speaker":
        this.speaker = heard.payload.peerId;
        break;
      case "connection-quality":
        if (heard.payload.peerId === this.selfId) this.selfQuality = heard.payload.score;
        else this.roster.setQuality(heard.payload.peerId, heard.payload.score);
        break;
      case "served-by":
        this.servedBy = heard.payload;
        break;
      case "rebuild-media":
        void this.rebuild(heard.payload.deadlineMs);
        return;
      case "server-closing":
        this.keeper.setEdges(heard.payload.edges ?? []);
        this.setStatus({ phase: "away", closing: true });
        this.keeper.replace();
        return;
      case "kicked-from-room":
        return this.end("kicked", kickText(heard.payload));
    }
    this.changed();
  }
}

function kickText({ by, reason }: ServerEvents["kicked-from-room"]): string {
  return [by && `by ${by}`, reason && `(${reason})`].filter(Boolean).join(" ");
}
