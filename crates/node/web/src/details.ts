/** The panel of numbers: who serves this peer, what it sends and what it receives. Refreshed while it is open. */
import type { InboundRow, OutboundRow, PathRow, RoomClient, Stats } from "../client/index.ts";
import { h } from "./dom.ts";
import { bitrate, milliseconds, percent, picture } from "./figures.ts";
import { icon } from "./icons.ts";

const REFRESH_MS = 1_000;

export class Details {
  private readonly body = h("div", { class: "details-body" });
  readonly element: HTMLElement;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly room: RoomClient,
    onClose: () => void,
  ) {
    const close = h("button", { type: "button", class: "quiet", "aria-label": "Close details", onclick: onClose }, icon("close"));
    this.element = h(
      "aside",
      { class: "details", id: "details-panel", "data-testid": "details-panel", "aria-label": "Call details", hidden: true, tabindex: -1 },
      h("header", {}, h("h2", {}, "Details"), close),
      this.body,
    );
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  toggle(open: boolean): void {
    this.element.hidden = !open;
    clearInterval(this.timer);
    if (!open) return;
    this.element.focus({ preventScroll: true });
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async refresh(): Promise<void> {
    const stats = await this.room.stats().catch(() => null);
    if (!stats || !this.open) return;
    this.body.replaceChildren(this.connection(stats), this.sending(stats), this.receiving(stats));
  }

  private connection({ paths }: Stats): HTMLElement {
    const { edge, home, seat, worker } = this.room.servedBy;
    return section(
      "Connection",
      pairs([
        ["Signalling", this.room.carrier || "none"],
        ["Edge node", edge],
        ["Home node", home],
        ["Media node", seat],
        ["Worker", worker === undefined ? undefined : String(worker)],
        ...paths.flatMap(describePath),
        ["Quality", this.room.selfQuality === null ? undefined : `${this.room.selfQuality} of 10`],
      ]),
    );
  }

  private sending({ outbound }: Stats): HTMLElement {
    if (outbound.length === 0) return section("Sending", h("p", { class: "details-none" }, "Nothing is being sent."));
    const sources = [...new Set(outbound.map((row) => row.source))];
    return section("Sending", ...sources.map((source) => sentSource(source, outbound.filter((row) => row.source === source))));
  }

  private receiving({ inbound }: Stats): HTMLElement {
    if (inbound.length === 0) return section("Receiving", h("p", { class: "details-none" }, "Nothing is being received."));
    const names = new Map(this.room.peers.map((peer) => [peer.id, peer.name]));
    const peers = [...new Set(inbound.map((row) => row.peerId))];
    return section(
      "Receiving",
      ...peers.map((id) => block(names.get(id) ?? id, inbound.filter((row) => row.peerId === id).map(receivedLine))),
    );
  }
}

function describePath({ direction, rttMs, protocol, remote, availableBitrate }: PathRow): [string, string | undefined][] {
  const label = direction === "send" ? "Outgoing" : "Incoming";
  return [
    [`${label} path`, remote && `${protocol.toUpperCase()} to ${remote}`],
    [`${label} round trip`, rttMs === null ? undefined : milliseconds(rttMs)],
    [`${label} estimate`, availableBitrate === null ? undefined : bitrate(availableBitrate)],
  ];
}

function sentSource(source: string, rows: OutboundRow[]): HTMLElement {
  const { codec = "", scalabilityMode = "" } = rows[0] ?? {};
  const title = [source, codec, rows.length > 1 && `${rows.length} simulcast layers`, scalabilityMode].filter(Boolean).join(" · ");
  return block(title, rows.map((row, at) => [layerName(row, at, rows.length), sentFacts(row)]));
}

/** Rows come lowest layer first. */
function layerName({ source }: OutboundRow, at: number, count: number): string {
  if (count === 1) return source === "microphone" ? "sound" : "picture";
  return at === 0 ? "low" : at === count - 1 ? "high" : "middle";
}

function sentFacts(row: OutboundRow): string {
  const limited = row.limitedBy && row.limitedBy !== "none" ? `limited by ${row.limitedBy}` : "";
  const idle = row.active && (row.source === "microphone" || row.framesPerSecond > 0) ? "" : "idle";
  return [picture(row), bitrate(row.bitrate), `${percent(row.loss)} lost`, limited, idle].filter(Boolean).join(" · ");
}

function receivedLine(row: InboundRow): [string, string] {
  const facts = [row.codec, picture(row), bitrate(row.bitrate), `${percent(row.loss)} lost`, `jitter ${milliseconds(row.jitterMs)}`];
  return [row.kind, facts.filter(Boolean).join(" · ")];
}

function section(title: string, ...children: HTMLElement[]): HTMLElement {
  return h("section", {}, h("h3", {}, title), ...children);
}

function block(title: string, rows: [string, string][]): HTMLElement {
  return h("div", { class: "details-block" }, h("h4", {}, title), pairs(rows));
}

function pairs(rows: [string, string | undefined][]): HTMLElement {
  const known = rows.filter(([, value]) => value);
  return h("dl", {}, ...known.flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));
}
