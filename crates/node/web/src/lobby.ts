/** Before the call: name, room, camera and microphone, with a preview of what the others will see. */
import { CAMERA, MICROPHONE, toggleButton } from "./controls.ts";
import { attribute, h, text } from "./dom.ts";
import { logo } from "./icons.ts";
import type { LocalMedia } from "./local-media.ts";
import { Meter } from "./meter.ts";
import { cleanName, NAME_LENGTH } from "./names.ts";
import { listenToKeys } from "./shortcuts.ts";

export interface LobbyOptions {
  name: string;
  room: string;
  /** The room comes from a link: the heading names it. */
  invited: boolean;
  onJoin(name: string, room: string): void;
}

export class Lobby {
  readonly element: HTMLElement;
  private readonly video = h("video", { autoplay: true, playsinline: true, muted: true, "data-testid": "preview" });
  private readonly empty = h("p", { class: "preview-empty" });
  private readonly level = h("span", { class: "preview-level", "aria-hidden": "true" });
  private readonly problem = h("p", { class: "lobby-problem", role: "alert" });
  private readonly camera = toggleButton(CAMERA, () => void this.media.toggleCamera());
  private readonly microphone = toggleButton(MICROPHONE, () => void this.media.toggleMicrophone());
  private readonly cameras = this.select("camera", "Camera");
  private readonly microphones = this.select("microphone", "Microphone");
  private readonly name: HTMLInputElement;
  private readonly room: HTMLInputElement;
  private readonly meter = new Meter();
  private readonly stop: (() => void)[];
  private metered: MediaStreamTrack | null = null;

  constructor(
    private readonly media: LocalMedia,
    private readonly options: LobbyOptions,
  ) {
    this.name = field("name-input", "name", options.name, "How others see you");
    this.room = field("room-input", "off", options.room, "Pick any name");
    this.video.muted = true;
    this.element = h("main", { class: "lobby" }, this.preview(), this.form());
    this.stop = [
      media.on("change", () => this.update()),
      listenToKeys({ m: () => void media.toggleMicrophone(), v: () => void media.toggleCamera() }),
    ];
    this.update();
  }

  /** Puts the cursor where one most likely types next. */
  focus(): void {
    (this.name.value ? this.element.querySelector<HTMLElement>("[data-testid=join-button]") : this.name)?.focus();
  }

  close(): void {
    for (const stop of this.stop) stop();
    this.meter.stop();
    this.video.srcObject = null;
    this.element.remove();
  }

  private preview(): HTMLElement {
    return h(
      "section",
      { class: "preview", "aria-label": "Preview" },
      this.empty,
      this.video,
      h("div", { class: "preview-controls" }, this.level, this.microphone.element, this.camera.element),
    );
  }

  private form(): HTMLElement {
    const { invited, room } = this.options;
    return h(
      "form",
      { class: "lobby-form", "data-testid": "join-form", onsubmit: (event: SubmitEvent) => this.submit(event) },
      h("div", { class: "brand" }, logo(), "Ringcast"),
      h("h1", {}, invited ? `Join ${room}` : "Meet face to face"),
      h("p", { class: "lobby-lead" }, invited ? "Check how you look and sound, then step in." : "Name a room and share its link. That is all it takes."),
      h("label", { class: "field" }, h("span", {}, "Your name"), this.name),
      h("label", { class: "field" }, h("span", {}, "Room"), this.room),
      h("div", { class: "field-pair" }, this.cameras.element, this.microphones.element),
      this.problem,
      h("button", { type: "submit", class: "primary", "data-testid": "join-button" }, "Join the call"),
    );
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    const name = cleanName(this.name.value);
    const room = cleanName(this.room.value);
    for (const input of [this.room, this.name]) {
      attribute(input, "aria-invalid", !cleanName(input.value));
      if (!cleanName(input.value)) input.focus();
    }
    if (name && room) this.options.onJoin(name, room);
  }

  private update(): void {
    const { media } = this;
    const camera = media.tracks.camera;
    if ((this.video.srcObject as MediaStream | null)?.getTracks()[0] !== camera) {
      this.video.srcObject = camera ? new MediaStream([camera]) : null;
    }
    attribute(this.video, "data-on", camera !== null);
    text(this.empty, media.busy.camera ? "Starting the camera…" : "Camera is off");
    this.camera.set(media.cameraOn, media.cameraOn ? "Stop camera" : "Start camera");
    this.microphone.set(media.microphoneOn, media.microphoneOn ? "Mute" : "Unmute");
    this.cameras.update();
    this.microphones.update();
    text(this.problem, explainAll(media));
    this.problem.hidden = this.problem.textContent === "";
    const heard = media.microphoneOn ? media.tracks.microphone : null;
    this.level.hidden = heard === null;
    if (heard !== this.metered) this.meter.follow((this.metered = heard), this.level);
  }

  private select(device: "camera" | "microphone", label: string) {
    const select = h("select", {
      "data-testid": `${device}-select`,
      onchange: () => void this.media.select(device, select.value),
    });
    const update = () => {
      const kind = device === "camera" ? "videoinput" : "audioinput";
      const found = this.media.devices.filter((entry) => entry.kind === kind);
      const options = found.map((entry, at) => h("option", { value: entry.deviceId }, entry.label || `${label} ${at + 1}`));
      const same = options.map((option) => option.value + option.text).join() === [...select.options].map((option) => option.value + option.text).join();
      if (!same || options.length === 0) {
        select.replaceChildren(...(options.length > 0 ? options : [h("option", { value: "" }, `No ${device} available`)]));
      }
      select.disabled = options.length === 0;
      select.value = this.media.selected(device) || (found[0]?.deviceId ?? "");
    };
    return { element: h("label", { class: "field" }, h("span", {}, label), select), update };
  }
}

/** The problems of both devices; said once when the cause is the same. */
function explainAll({ problems }: LocalMedia): string {
  if (!window.isSecureContext) {
    return "This page was not opened over https (or on localhost), so the browser gives no camera and microphone. You can still join to watch and listen.";
  }
  const { camera, microphone } = problems;
  if (camera && camera.replace("camera", "") === microphone.replace("microphone", "")) {
    return camera.replace("the camera", "camera and microphone").replace("The camera is", "Camera and microphone are");
  }
  return [camera, microphone].filter(Boolean).join(" ");
}

function field(testid: string, autocomplete: string, value: string, placeholder: string): HTMLInputElement {
  const input = h("input", {
    type: "text",
    required: true,
    maxlength: NAME_LENGTH,
    autocomplete,
    placeholder,
    "data-testid": testid,
    enterkeyhint: "go",
    spellcheck: "false",
  });
  input.value = value;
  return input;
}
