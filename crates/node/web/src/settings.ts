/** What the page is told by its address, and what it remembers. Storage that is refused or broken is no obstacle. */
import { cleanName, roomOfPath } from "./names.ts";

export interface Address {
  room: string | null;
  name: string | null;
  autojoin: boolean;
  /** Height of the camera's picture in pixels. */
  height: 360 | 720;
  simulcast: boolean;
}

/** Reads `/r/<room>?name=…&autojoin=1&video=360p|720p&simulcast=0`. */
export function readAddress(path: string, search: string): Address {
  const query = new URLSearchParams(search);
  const given = (key: string) => cleanName(query.get(key) ?? "") || null;
  return {
    room: roomOfPath(path) ?? given("room"),
    name: given("name"),
    autojoin: query.get("autojoin") === "1",
    height: query.get("video") === "360p" ? 360 : 720,
    simulcast: query.get("simulcast") !== "0",
  };
}

export interface Preferences {
  name: string;
  room: string;
  camera: boolean;
  microphone: boolean;
  cameraId: string;
  microphoneId: string;
}

const KEY = "ringcast.preferences";
const DEFAULTS: Preferences = { name: "", room: "", camera: true, microphone: true, cameraId: "", microphoneId: "" };

/** Takes only what has the right type, so that an old or damaged entry does no harm. */
export function parsePreferences(json: string | null): Preferences {
  let stored: unknown;
  try {
    stored = JSON.parse(json ?? "");
  } catch {
    return { ...DEFAULTS };
  }
  const result: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(stored ?? {})) {
    if (key in DEFAULTS && typeof value === typeof result[key]) result[key] = value;
  }
  return result as unknown as Preferences;
}

function guarded<T>(task: () => T, otherwise: T): T {
  try {
    return task();
  } catch {
    return otherwise;
  }
}

export function loadPreferences(): Preferences {
  return parsePreferences(guarded(() => localStorage.getItem(KEY), null));
}

export function savePreferences(change: Partial<Preferences>): void {
  guarded(() => localStorage.setItem(KEY, JSON.stringify({ ...loadPreferences(), ...change })), undefined);
}

/** The id of this tab: it outlives a reload, but not the tab. */
export function tabPeerId(): string {
  const key = "ringcast.peer";
  const known = guarded(() => sessionStorage.getItem(key), null);
  if (known?.startsWith("user_")) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const id = `user_${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  guarded(() => sessionStorage.setItem(key, id), undefined);
  return id;
}
