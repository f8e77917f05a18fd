/** How figures are written for people. A unit stays on the line of its number. */

const SPACE = "\u00a0";

/** Bits a second: `640 kbit/s`, `1.5 Mbit/s`. */
export function bitrate(bits: number): string {
  return bits >= 1_000_000 ? `${(bits / 1_000_000).toFixed(1)}${SPACE}Mbit/s` : `${Math.round(bits / 1000)}${SPACE}kbit/s`;
}

/** A share of 0..1: `0 %`, `0.4 %`, `12 %`. */
export function percent(share: number): string {
  const value = 100 * share;
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)}${SPACE}%`;
}

/** `12 ms`, `<1 ms`. */
export function milliseconds(value: number): string {
  return `${value < 0.5 ? "<1" : Math.round(value)}${SPACE}ms`;
}

/** `1280×720 at 30 fps`, or nothing for what is no picture. */
export function picture(row: { frameWidth: number; frameHeight: number; framesPerSecond: number }): string {
  if (row.frameWidth === 0) return "";
  return `${row.frameWidth}×${row.frameHeight} at ${Math.round(row.framesPerSecond)}${SPACE}fps`;
}
