/**
 * Ringcast's client for browsers: everything between a page and a node. It knows WebRTC and the network, not the page.
 *
 * `RoomClient` is the whole of it for most users:
 *
 *     const room = new RoomClient({ url, roomId, name, peerId, simulcast: true });
 *     room.on("change", () => draw(room.peers));
 *     room.publish("camera", track);
 *     room.start();
 */
export type { Source } from "./encodings.ts";
export { type Layers, layersFor } from "./layers.ts";
export type { ServedBy } from "./protocol.ts";
export { type EndReason, RoomClient, type RoomOptions, type Status } from "./room.ts";
export { newest, type Peer, type RemoteKind, type RemoteTrack } from "./roster.ts";
export type { InboundRow, OutboundRow, PathRow, Stats } from "./stats.ts";
