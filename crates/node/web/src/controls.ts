/** The row of buttons under the call. */
import { attribute, h, text } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";

export interface ControlActions {
  microphone(): void;
  camera(): void;
  share(): void;
  details(): void;
  leave(): void;
}

export interface ControlState {
  microphone: boolean;
  camera: boolean;
  share: boolean;
  canShare: boolean;
  details: boolean;
}

interface ToggleNames {
  testid: string;
  label: string;
  key: string;
  on: IconName;
  off: IconName;
}

/** A button that is on or off; `aria-pressed` is true while the thing it names is on. */
export function toggleButton({ testid, label, key, on, off }: ToggleNames, onclick: () => void) {
  const caption = h("span", { class: "control-caption" }, label);
  const element = h(
    "button",
    { type: "button", class: "control", "data-testid": testid, "aria-label": label, "aria-keyshortcuts": key, onclick },
    icon(off),
    caption,
  );
  return {
    element,
    set(pressed: boolean, hint: string): void {
      if (element.getAttribute("aria-pressed") !== String(pressed)) element.replaceChildren(icon(pressed ? on : off), caption);
      attribute(element, "aria-pressed", pressed);
      attribute(element, "title", `${hint} (${key})`);
    },
  };
}

export const MICROPHONE: ToggleNames = { testid: "mic-button", label: "Microphone", key: "M", on: "microphone", off: "microphoneOff" };
export const CAMERA: ToggleNames = { testid: "camera-button", label: "Camera", key: "V", on: "camera", off: "cameraOff" };
const SHARE: ToggleNames = { testid: "share-button", label: "Share screen", key: "S", on: "screenOff", off: "screen" };
const DETAILS: ToggleNames = { testid: "details-button", label: "Details", key: "D", on: "details", off: "details" };

export class Controls {
  private readonly microphone;
  private readonly camera;
  private readonly share;
  private readonly details;
  readonly element: HTMLElement;

  constructor(actions: ControlActions) {
    this.microphone = toggleButton(MICROPHONE, actions.microphone);
    this.camera = toggleButton(CAMERA, actions.camera);
    this.share = toggleButton(SHARE, actions.share);
    this.details = toggleButton(DETAILS, actions.details);
    this.microphone.element.classList.add("control-device");
    this.camera.element.classList.add("control-device");
    attribute(this.details.element, "aria-controls", "details-panel");
    const leave = h(
      "button",
      { type: "button", class: "control control-leave", "data-testid": "leave-button", "aria-label": "Leave", title: "Leave the call", onclick: () => actions.leave() },
      icon("leave"),
      h("span", { class: "control-caption" }, "Leave"),
    );
    this.element = h(
      "div",
      { class: "controls", role: "toolbar", "aria-label": "Call controls" },
      this.microphone.element,
      this.camera.element,
      this.share.element,
      this.details.element,
      leave,
    );
  }

  update(state: ControlState): void {
    this.microphone.set(state.microphone, state.microphone ? "Mute" : "Unmute");
    this.camera.set(state.camera, state.camera ? "Stop camera" : "Start camera");
    this.share.set(state.share, state.share ? "Stop sharing" : "Share your screen");
    this.details.set(state.details, state.details ? "Hide details" : "Show details");
    this.share.element.hidden = !state.canShare;
    text(this.share.element.querySelector(".control-caption") ?? this.share.element, state.share ? "Stop sharing" : "Share");
  }
}
