/** How long to wait before the next attempt: shortly at first, then longer, spread so that peers do not come in step. */

const FIRST_MS = 300;
const LONGEST_MS = 5_000;

/** Delay in milliseconds before retry number `attempt` (1 is the first); `random` is in 0..1. */
export function backoffMs(attempt: number, random: number): number {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, attempt - 1));
  return Math.round(step * (0.25 + 0.75 * random));
}
