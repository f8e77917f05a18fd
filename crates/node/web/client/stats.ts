/** Reads WebRTC's statistics into a few plain rows, and turns running totals into rates. */
import type { Source } from "./encodings.ts";
import type { RemoteKind } from "./roster.ts";

/** One consumer. Totals count from its start; `bitrate` is in bits a second since the reading before. */
export interface InboundRow {
  peerId: string;
  kind: RemoteKind;
  consumerId: string;
  producerId: string;
  codec: string;
  bitrate: number;
  bytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  /** Share of packets lost since the reading before, 0..1. */
  loss: number;
  jitterMs: number;
  framesDecoded: number;
  framesPerSecond: number;
  frameWidth: number;
  frameHeight: number;
  freezeCount: number;
  totalAudioEnergy: number;
  audioLevel: number;
}

/** One layer of one source. */
export interface OutboundRow {
  source: Source;
  rid: string;
  codec: string;
  active: boolean;
  bitrate: number;
  bytesSent: number;
  framesPerSecond: number;
  frameWidth: number;
  frameHeight: number;
  /** `none`, `cpu`, `bandwidth` or `other`: what keeps the encoder below its target. */
  limitedBy: string;
  scalabilityMode: string;
  /** As the server reports it for what we send, 0..1. */
  loss: number;
}

/** The way that packets take. */
export interface PathRow {
  direction: "send" | "recv";
  rttMs: number | null;
  protocol: string;
  remote: string;
  availableBitrate: number | null;
}

export interface Stats {
  at: number;
  inbound: InboundRow[];
  outbound: OutboundRow[];
  paths: PathRow[];
}

type Entry = Record<string, unknown> & { id: string; type: string };
/** What `getStats()` gives, without the browser's class. */
export type Report = Iterable<[string, unknown]>;

/** Which consumer or source a track or section of the SDP belongs to. */
export interface InboundKey {
  trackId: string;
  peerId: string;
  kind: RemoteKind;
  consumerId: string;
  producerId: string;
}
export interface OutboundKey {
  trackId: string;
  source: Source;
}

const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Remembers the former totals of each counter, to make rates of them. */
export class Rates {
  private before = new Map<string, { at: number; value: number }>();
  private current = new Map<string, { at: number; value: number }>();

  /** Growth a second of the counter `key` since the last round; 0 in its first. `at` is in milliseconds. */
  perSecond(key: string, value: number, at: number): number {
    const gained = this.gained(key, value, at);
    const before = this.before.get(key);
    return before && at > before.at ? (gained * 1000) / (at - before.at) : 0;
  }

  /** Growth of the counter since the last round, never negative. */
  gained(key: string, value: number, at: number): number {
    this.current.set(key, { at, value });
    return Math.max(0, value - (this.before.get(key)?.value ?? value));
  }

  /** Ends a round: counters that did not appear in it are forgotten. */
  next(): void {
    this.before = this.current;
    this.current = new Map();
  }
}

function index(report: Report): Map<string, Entry> {
  return new Map([...report].map(([id, entry]) => [id, entry as Entry]));
}

function codecOf(entries: Map<string, Entry>, entry: Entry): string {
  return text(entries.get(text(entry.codecId))?.mimeType).replace(/^(audio|video)\//, "");
}

export function readInbound(report: Report, keys: readonly InboundKey[], rates: Rates, at: number): InboundRow[] {
  const entries = index(report);
  const byTrack = new Map(keys.map((key) => [key.trackId, key]));
  const rows: InboundRow[] = [];
  for (const entry of entries.values()) {
    const key = entry.type === "inbound-rtp" ? byTrack.get(text(entry.trackIdentifier)) : undefined;
    if (!key) continue;
    const { trackId: _, ...names } = key;
    const bytes = number(entry.bytesReceived);
    const received = rates.gained(`${key.consumerId}.packets`, number(entry.packetsReceived), at);
    const lost = rates.gained(`${key.consumerId}.lost`, number(entry.packetsLost), at);
    rows.push({
      ...names,
      codec: codecOf(entries, entry),
      bitrate: 8 * rates.perSecond(`${key.consumerId}.bytes`, bytes, at),
      bytesReceived: bytes,
      packetsReceived: number(entry.packetsReceived),
      packetsLost: number(entry.packetsLost),
      loss: received + lost > 0 ? lost / (received + lost) : 0,
      jitterMs: 1000 * number(entry.jitter),
      framesDecoded: number(entry.framesDecoded),
      framesPerSecond: number(entry.framesPerSecond),
      frameWidth: number(entry.frameWidth),
      frameHeight: number(entry.frameHeight),
      freezeCount: number(entry.freezeCount),
      totalAudioEnergy: number(entry.totalAudioEnergy),
      audioLevel: number(entry.audioLevel),
    });
  }
  return rows;
}

export function readOutbound(report: Report, keys: readonly OutboundKey[], rates: Rates, at: number): OutboundRow[] {
  const entries = index(report);
  const byTrack = new Map(keys.map((key) => [key.trackId, key.source]));
  const rows: OutboundRow[] = [];
  for (const entry of entries.values()) {
    if (entry.type !== "outbound-rtp") continue;
    const source = byTrack.get(text(entries.get(text(entry.mediaSourceId))?.trackIdentifier));
    if (!source) continue;
    const bytes = number(entry.bytesSent);
    rows.push({
      source,
      rid: text(entry.rid),
      codec: codecOf(entries, entry),
      active: entry.active !== false,
      bitrate: 8 * rates.perSecond(`${entry.id}.bytes`, bytes, at),
      bytesSent: bytes,
      framesPerSecond: number(entry.framesPerSecond),
      frameWidth: number(entry.frameWidth),
      frameHeight: number(entry.frameHeight),
      limitedBy: text(entry.qualityLimitationReason),
      scalabilityMode: text(entry.scalabilityMode),
      loss: number(entries.get(text(entry.remoteId))?.fractionLost),
    });
  }
  return rows.sort((a, b) => a.source.localeCompare(b.source) || a.rid.localeCompare(b.rid));
}

export function readPath(report: Report, direction: PathRow["direction"]): PathRow | null {
  const entries = index(report);
  const transport = [...entries.values()].find((entry) => entry.type === "transport");
  // Firefox has no `transport` entry with a pair, it marks the pair itself.
  const pair =
    entries.get(text(transport?.selectedCandidatePairId)) ??
    [...entries.values()].find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
  if (!pair) return null;
  const remote = entries.get(text(pair.remoteCandidateId));
  const rtt = pair.currentRoundTripTime;
  const available = direction === "send" ? pair.availableOutgoingBitrate : pair.availableIncomingBitrate;
  return {
    direction,
    rttMs: typeof rtt === "number" ? 1000 * rtt : null,
    protocol: text(remote?.protocol),
    remote: remote ? `${text(remote.address) || text(remote.ip)}:${number(remote.port)}` : "",
    availableBitrate: typeof available === "number" ? available : null,
  };
}
