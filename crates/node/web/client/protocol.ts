/**
 * The words of the `rooms` dialect as they travel: requests with their answers, and what the server tells unasked.
 * No behaviour lives here.
 */
import type { types } from "mediasoup-client";

type RtpCapabilities = types.RtpCapabilities;
type RtpParameters = types.RtpParameters;
export type MediaKind = types.MediaKind;

/** The parts of the dialect beyond its common core that this client understands. */
export const EXTENSIONS = ["rebuild", "speaker", "quality"] as const;

/** Which parts of the cluster serve this peer. */
export interface ServedBy {
  edge?: string;
  home?: string;
  seat?: string;
  worker?: string | number;
}

/** What the server needs to make the other end of a WebRTC transport. */
export interface TransportOptions {
  id: string;
  iceParameters: types.IceParameters;
  iceCandidates: types.IceCandidate[];
  dtlsParameters: types.DtlsParameters;
  iceServers?: RTCIceServer[];
}

/** One row of the room's list of peers. */
export interface ListedPeer {
  id: string;
  name: string;
  isAudioMuted: boolean;
  isVideoPaused: boolean;
  imageUrl?: string | null;
  isHost?: boolean;
}

/** Answer to `join-mediasoup-room`. */
export interface JoinAnswer {
  existingProducers: string[];
  extensions?: string[];
  servedBy?: ServedBy;
  /** Public addresses of other nodes that can take this session. */
  edges?: string[];
}

/** Answer to `consume`: a consumer that is paused until `resume-consumer`. */
export interface ConsumeAnswer {
  id: string;
  producerId: string;
  kind: MediaKind;
  rtpParameters: RtpParameters;
  peerId?: string;
  isScreenShare?: boolean;
  appData?: { share?: boolean };
  type?: string;
}

/** Requests: what is asked and what a success answers. Every one may answer `{error}` instead. */
export interface Requests {
  "get-rtp-capabilities": { ask: { roomId: string }; answer: { rtpCapabilities: RtpCapabilities } };
  "join-mediasoup-room": {
    ask: {
      roomId: string;
      rtpCapabilities: RtpCapabilities;
      userId: string;
      userName: string;
      extensions: readonly string[];
    };
    answer: JoinAnswer;
  };
  "create-webrtc-transport": {
    ask: { roomId: string; direction: "send" | "recv" };
    answer: { params: TransportOptions };
  };
  "connect-transport": {
    ask: { roomId: string; transportId: string; dtlsParameters: types.DtlsParameters };
    answer: object;
  };
  produce: {
    ask: {
      roomId: string;
      transportId: string;
      kind: MediaKind;
      rtpParameters: RtpParameters;
      appData: { share?: boolean };
    };
    answer: { id: string };
  };
  consume: {
    ask: { roomId: string; producerId: string; rtpCapabilities: RtpCapabilities };
    answer: ConsumeAnswer;
  };
  "resume-consumer": { ask: { roomId: string; consumerId: string }; answer: object };
  "close-producer": { ask: { roomId: string; producerId: string }; answer: object };
  "set-preferred-layers": {
    ask: { roomId: string; consumerId: string; spatialLayer: number; temporalLayer?: number };
    answer: object;
  };
}

/** Sent without waiting for an answer. */
export interface Tellings {
  "update-my-state": { roomId: string; userId: string; isAudioMuted?: boolean; isVideoPaused?: boolean };
  leave: { roomId: string };
}

/** What the server says unasked, by event name. */
export interface ServerEvents {
  "new-producer": { producerId: string; peerId?: string };
  "producer-closed": { producerId: string };
  "participant-left": { peerId: string };
  "participant-list-update": ListedPeer[];
  "participant-state-changed": { userId: string; isAudioMuted?: boolean; isVideoPaused?: boolean };
  "active-speaker": { peerId: string | null };
  "connection-quality": { peerId: string; score: number };
  "served-by": ServedBy;
  "rebuild-media": { deadlineMs: number };
  "server-closing": { edges?: string[] };
  "kicked-from-room": { by?: string; reason?: string };
}
