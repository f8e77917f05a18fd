/** One face or one shared screen: picture, name, microphone, quality, and the ring of who speaks. */
import { attribute, h, text } from "./dom.ts";
import { icon } from "./icons.ts";
import { hueOf, initials } from "./names.ts";

export interface TileState {
  /** Stays the same while the tile stands for the same thing. */
  key: string;
  peerId: string;
  name: string;
  self: boolean;
  screen: boolean;
  muted: boolean;
  speaking: boolean;
  /** 0 to 10, or null while unknown. */
  quality: number | null;
  video: MediaStreamTrack | null;
  consumerId: string | null;
  layers: number;
}

/** A new picture replaces the old one when it shows something, or after this time anyway. */
const SWAP_MS = 1_500;

const QUALITY_WORDS = ["lost", "poor", "weak", "good", "very good"] as const;

/** 0 to 4 bars for a score of 0 to 10. */
function bars(score: number): 0 | 1 | 2 | 3 | 4 {
  return Math.max(0, Math.min(4, Math.ceil(score / 2.5))) as 0 | 1 | 2 | 3 | 4;
}

export class Tile {
  readonly element: HTMLElement;
  state: TileState;
  private readonly picture = h("div", { class: "tile-picture" });
  private readonly avatar = h("span", { class: "tile-avatar", "aria-hidden": "true" });
  private readonly name = h("span", { class: "tile-name", "data-testid": "tile-name" });
  private readonly silent = h("span", { class: "tile-silent", role: "img", "aria-label": "muted" }, icon("microphoneOff"));
  private readonly quality = h("span", { class: "tile-quality", role: "img" }, h("i"), h("i"), h("i"), h("i"));
  private readonly focusButton: HTMLButtonElement;
  private video: HTMLVideoElement | null = null;

  constructor(state: TileState, onFocus: (key: string) => void) {
    this.state = state;
    this.focusButton = h("button", { class: "tile-focus", type: "button", onclick: () => onFocus(state.key) }, icon("expand"));
    const label = h("div", { class: "tile-label" }, this.silent, this.name);
    this.element = h(
      "article",
      { class: "tile", "data-testid": "tile", "data-peer-id": state.peerId },
      h("div", { class: "tile-back", "aria-hidden": "true" }, this.avatar),
      this.picture,
      label,
      this.quality,
      this.focusButton,
    );
    this.element.style.setProperty("--hue", String(hueOf(state.peerId)));
    this.element.addEventListener("dblclick", () => onFocus(state.key));
    this.update(state, false);
  }

  update(state: TileState, focused: boolean): void {
    this.state = state;
    const label = state.screen ? (state.self ? "Your screen" : `${state.name}’s screen`) : state.self ? `${state.name} (you)` : state.name;
    text(this.name, label);
    text(this.avatar, initials(state.name));
    attribute(this.element, "aria-label", label);
    attribute(this.element, "data-peer-id", state.peerId);
    attribute(this.element, "data-self", state.self);
    attribute(this.element, "data-screen", state.screen);
    attribute(this.element, "data-speaking", state.speaking);
    attribute(this.element, "data-muted", state.muted);
    attribute(this.element, "data-video", state.video !== null);
    this.silent.hidden = !state.muted || state.screen;
    this.showQuality(state);
    attribute(this.focusButton, "aria-pressed", focused);
    attribute(this.focusButton, "aria-label", `${focused ? "Shrink" : "Enlarge"} ${label}`);
    this.show(state.video);
  }

  close(): void {
    this.element.remove();
    if (this.video) this.video.srcObject = null;
  }

  private showQuality({ quality, screen }: TileState): void {
    this.quality.hidden = quality === null || screen;
    if (quality === null) return;
    const level = bars(quality);
    attribute(this.quality, "data-level", String(level));
    attribute(this.quality, "aria-label", `Connection ${QUALITY_WORDS[level]}`);
    attribute(this.quality, "title", `Connection ${QUALITY_WORDS[level]} (${quality} of 10)`);
  }

  private show(track: MediaStreamTrack | null): void {
    const old = this.video;
    if (trackOf(old) === track) return;
    if (!track) {
      this.video = null;
      this.picture.replaceChildren();
      return;
    }
    const video = h("video", { autoplay: true, playsinline: true, muted: true });
    // The attribute counts only for elements that a parser made.
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    this.video = video;
    const swap = () => {
      if (this.video === video) this.picture.replaceChildren(video);
    };
    video.addEventListener("loadeddata", () => {
      video.classList.add("ready");
      swap();
    });
    video.addEventListener("resize", () => attribute(this.element, "data-tall", video.videoHeight > video.videoWidth));
    this.picture.append(video);
    setTimeout(swap, SWAP_MS);
    void video.play().catch(() => undefined);
  }
}

function trackOf(video: HTMLVideoElement | null): MediaStreamTrack | null {
  return (video?.srcObject as MediaStream | null)?.getTracks()[0] ?? null;
}
