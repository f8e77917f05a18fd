/** Who is in the room and what they send: plain state without WebRTC or network, changed only by its methods. */
import type { ListedPeer } from "./protocol.ts";

export type RemoteKind = "audio" | "video" | "screen" | "screen-audio";

/** One received track. */
export interface RemoteTrack {
  consumerId: string;
  producerId: string;
  peerId: string;
  kind: RemoteKind;
  track: MediaStreamTrack;
  /** How many spatial layers the server can choose from. */
  layers: number;
}

export interface Peer {
  id: string;
  name: string;
  audioMuted: boolean;
  videoPaused: boolean;
  /** 0 (unusable) to 10 (perfect); null until the server says. */
  quality: number | null;
  /** Oldest first. While media is rebuilt a kind is here twice; the newest counts. */
  tracks: RemoteTrack[];
}

/** The track of `kind` that should be shown now. */
export function newest(peer: Peer, kind: RemoteKind): RemoteTrack | undefined {
  return peer.tracks.findLast((track) => track.kind === kind);
}

export class Roster {
  private readonly byId = new Map<string, Peer>();

  /** Everyone else, in the order in which they came. */
  get peers(): Peer[] {
    return [...this.byId.values()];
  }

  get(id: string): Peer | undefined {
    return this.byId.get(id);
  }

  /** Takes the server's list as the truth. Returns who is new and who is gone. */
  applyList(list: readonly ListedPeer[], selfId: string): { joined: Peer[]; left: Peer[] } {
    const others = list.filter((row) => row.id !== selfId);
    const listed = new Set(others.map((row) => row.id));
    const left = this.peers.filter((peer) => !listed.has(peer.id));
    for (const peer of left) this.byId.delete(peer.id);
    const joined: Peer[] = [];
    for (const row of others) {
      const isNew = !this.byId.has(row.id);
      const peer = this.entry(row.id);
      peer.name = row.name;
      peer.audioMuted = row.isAudioMuted;
      peer.videoPaused = row.isVideoPaused;
      if (isNew) joined.push(peer);
    }
    return { joined, left };
  }

  leave(id: string): Peer | undefined {
    const peer = this.byId.get(id);
    this.byId.delete(id);
    return peer;
  }

  changeState(id: string, state: { isAudioMuted?: boolean; isVideoPaused?: boolean }): void {
    const peer = this.byId.get(id);
    if (!peer) return;
    peer.audioMuted = state.isAudioMuted ?? peer.audioMuted;
    peer.videoPaused = state.isVideoPaused ?? peer.videoPaused;
  }

  setQuality(id: string, score: number): void {
    const peer = this.byId.get(id);
    if (peer) peer.quality = score;
  }

  /** A track may come before its peer is listed: then the peer is entered without a name. */
  addTrack(track: RemoteTrack): void {
    this.entry(track.peerId).tracks.push(track);
  }

  removeTrack(consumerId: string): void {
    for (const peer of this.byId.values()) {
      peer.tracks = peer.tracks.filter((track) => track.consumerId !== consumerId);
    }
  }

  clear(): void {
    this.byId.clear();
  }

  private entry(id: string): Peer {
    const known = this.byId.get(id);
    if (known) return known;
    const peer: Peer = { id, name: "Guest", audioMuted: false, videoPaused: false, quality: null, tracks: [] };
    this.byId.set(id, peer);
    return peer;
  }
}
