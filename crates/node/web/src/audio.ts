/** Plays what is received as sound. Has no picture; says when the browser holds the sound back. */
import { h } from "./dom.ts";

export class AudioOutlet {
  readonly element = h("div", { hidden: true });
  private readonly players = new Map<string, HTMLAudioElement>();

  constructor(private readonly onBlocked: (blocked: boolean) => void) {}

  /** Plays exactly these tracks, by consumer id. */
  update(tracks: ReadonlyMap<string, MediaStreamTrack>): void {
    for (const [id, player] of this.players) {
      if (tracks.has(id)) continue;
      player.srcObject = null;
      player.remove();
      this.players.delete(id);
    }
    for (const [id, track] of tracks) if (!this.players.has(id)) this.add(id, track);
  }

  /** Tries again, from within a click. */
  async unblock(): Promise<void> {
    const tries = [...this.players.values()].map((player) => player.play());
    const results = await Promise.allSettled(tries);
    this.onBlocked(results.some(isBlocked));
  }

  private add(id: string, track: MediaStreamTrack): void {
    const player = h("audio", { autoplay: true });
    player.srcObject = new MediaStream([track]);
    this.players.set(id, player);
    this.element.append(player);
    player.play().catch((reason: unknown) => {
      if (isBlocked({ status: "rejected", reason })) this.onBlocked(true);
    });
  }
}

function isBlocked(result: PromiseSettledResult<void>): boolean {
  return result.status === "rejected" && result.reason instanceof Error && result.reason.name === "NotAllowedError";
}
