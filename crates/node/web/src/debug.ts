/** `window.ringcast`: read-only answers for tests and the curious, by way of the browser's console. */
import type { RoomClient } from "../client/index.ts";

export function expose(current: () => RoomClient | null): void {
  const handle = Object.freeze({
    /** Where the call stands: `connecting`, `joined`, `away`, `ended`, or `lobby` before it. */
    status: () => current()?.status.phase ?? "lobby",
    selfId: () => current()?.selfId ?? null,
    servedBy: () => current()?.servedBy ?? null,
    speaker: () => current()?.speaker ?? null,
    peers: () =>
      (current()?.peers ?? []).map(({ tracks, ...peer }) => ({ ...peer, kinds: tracks.map((track) => track.kind) })),
    /** One row for each consumer. */
    stats: async () => (await current()?.stats())?.inbound ?? [],
    /** One row for each layer that is sent. */
    outbound: async () => (await current()?.stats())?.outbound ?? [],
    paths: async () => (await current()?.stats())?.paths ?? [],
  });
  Object.defineProperty(window, "ringcast", { value: handle });
}
