/** Names of rooms and peers: what they may be and how they are shown. */

/** Longest name that the page lets one type. */
export const NAME_LENGTH = 64;

const FIRST = ["amber", "bright", "calm", "clear", "early", "gentle", "green", "kind", "late", "quiet", "silver", "warm"];
const SECOND = ["birch", "bridge", "brook", "coast", "field", "garden", "harbor", "hill", "lake", "meadow", "orchard", "river"];

/** A room name that is easy to say aloud, such as `calm-harbor-42`; `random` gives numbers in 0..1. */
export function inventRoom(random: () => number): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)];
  return `${pick(FIRST)}-${pick(SECOND)}-${10 + Math.floor(random() * 90)}`;
}

/** The room that an address such as `/r/calm-harbor-42` names, or nothing. */
export function roomOfPath(path: string): string | null {
  const found = /^\/r\/([^/]+)\/?$/.exec(path);
  if (!found?.[1]) return null;
  try {
    return cleanName(decodeURIComponent(found[1])) || null;
  } catch {
    return null;
  }
}

export function pathOfRoom(room: string): string {
  return `/r/${encodeURIComponent(room)}`;
}

/** Without surrounding or doubled space, and no longer than allowed. */
export function cleanName(name: string): string {
  return [...name.trim().replace(/\s+/g, " ")].slice(0, NAME_LENGTH).join("");
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toLocaleUpperCase() || "?";
}

/** A hue in degrees that stays the same for an id. */
export function hueOf(id: string): number {
  let sum = 7;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  // Steps of about the golden angle set even neighbouring sums well apart.
  return (sum * 137) % 360;
}
