/** This peer's camera, microphone and shared screen: opening, choosing, closing, and saying plainly why one fails. */
import { Emitter } from "../client/emitter.ts";
import type { Source } from "../client/index.ts";
import { savePreferences, type Preferences } from "./settings.ts";

type Device = "camera" | "microphone";

export type LocalEvents = {
  /** A track began, ended or was replaced; null: the source is off. */
  track: { source: Source; track: MediaStreamTrack | null };
  change: undefined;
};

/** Why `device` can't be had, in words for the one who wants it. */
export function explain(device: Device, error: unknown): string {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return `Your browser does not allow the ${device}. Allow it through the icon in the address bar, then switch it on again.`;
    case "NotFoundError":
      return `No ${device} was found. You can join without one.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${device} is busy. Close other programs that use it, then switch it on again.`;
    case "InsecureContextError":
      return `The ${device} works only over https (or on localhost). You can still join to watch and listen.`;
    default:
      return `The ${device} could not be started. You can join without it.`;
  }
}

export class LocalMedia extends Emitter<LocalEvents> {
  readonly tracks: Record<Source, MediaStreamTrack | null> = { camera: null, microphone: null, screen: null };
  readonly problems: Record<Device, string> = { camera: "", microphone: "" };
  readonly busy: Record<Device, boolean> = { camera: false, microphone: false };
  devices: MediaDeviceInfo[] = [];
  /** The microphone is open but silent. */
  muted: boolean;
  private cameraId: string;
  private microphoneId: string;

  constructor(
    readonly wanted: Pick<Preferences, "camera" | "microphone" | "cameraId" | "microphoneId">,
    private readonly height: number,
  ) {
    super();
    this.muted = !wanted.microphone;
    this.cameraId = wanted.cameraId;
    this.microphoneId = wanted.microphoneId;
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.listDevices());
  }

  get cameraOn(): boolean {
    return this.tracks.camera !== null;
  }

  get microphoneOn(): boolean {
    return this.tracks.microphone !== null && !this.muted;
  }

  get screenOn(): boolean {
    return this.tracks.screen !== null;
  }

  get canShare(): boolean {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function";
  }

  /** Opens what was on the last time, both with one question to the person. */
  async openWanted(): Promise<void> {
    const { camera, microphone } = this.wanted;
    if (camera && microphone) {
      const both = await this.ask({ video: this.videoWish(), audio: this.audioWish() }).catch(() => null);
      if (both) {
        this.take("camera", both.getVideoTracks()[0]);
        this.take("microphone", both.getAudioTracks()[0]);
        return this.listDevices();
      }
    }
    // One after the other: then one that fails does not hide the other.
    if (microphone) await this.open("microphone");
    if (camera) await this.open("camera");
    await this.listDevices();
  }

  async toggleCamera(): Promise<void> {
    savePreferences({ camera: !this.cameraOn });
    if (this.cameraOn) this.close("camera");
    else await this.open("camera");
  }

  async toggleMicrophone(): Promise<void> {
    this.muted = this.microphoneOn;
    savePreferences({ microphone: !this.muted });
    if (!this.tracks.microphone && !this.muted) await this.open("microphone");
    this.applyMute();
  }

  async select(device: Device, id: string): Promise<void> {
    if (device === "camera") savePreferences({ cameraId: (this.cameraId = id) });
    else savePreferences({ microphoneId: (this.microphoneId = id) });
    // A phone gives its second camera only when the first is free.
    if (this.tracks[device]) {
      this.tracks[device].stop();
      await this.open(device);
    }
  }

  selected(device: Device): string {
    return this.tracks[device]?.getSettings().deviceId ?? (device === "camera" ? this.cameraId : this.microphoneId);
  }

  /** Gives false when the person chose nothing. */
  async toggleScreen(): Promise<void> {
    if (this.tracks.screen) return this.close("screen");
    const wish = { video: { frameRate: { ideal: 15, max: 30 } }, audio: false };
    const stream = await navigator.mediaDevices.getDisplayMedia(wish);
    const track = stream.getVideoTracks()[0];
    if (track) track.contentHint = "detail";
    this.take("screen", track);
  }

  closeAll(): void {
    for (const source of ["camera", "microphone", "screen"] as const) this.close(source);
  }

  private async open(device: Device): Promise<void> {
    if (this.busy[device]) return;
    this.busy[device] = true;
    this.problems[device] = "";
    this.emit("change", undefined);
    try {
      const wish = device === "camera" ? { video: this.videoWish() } : { audio: this.audioWish() };
      this.take(device, (await this.ask(wish)).getTracks()[0]);
    } catch (error) {
      this.problems[device] = explain(device, error);
      this.close(device);
    } finally {
      this.busy[device] = false;
      await this.listDevices();
    }
  }

  private async ask(wish: MediaStreamConstraints): Promise<MediaStream> {
    if (!navigator.mediaDevices) throw new DOMException("no media devices", "InsecureContextError");
    return navigator.mediaDevices.getUserMedia(wish);
  }

  private take(source: Source, track: MediaStreamTrack | undefined): void {
    if (!track) return;
    this.tracks[source]?.stop();
    this.tracks[source] = track;
    track.addEventListener("ended", () => {
      if (this.tracks[source] !== track) return;
      if (source !== "screen") this.problems[source] = `The ${source} was disconnected.`;
      this.close(source);
    });
    this.emit("track", { source, track });
    this.applyMute();
  }

  private close(source: Source): void {
    const track = this.tracks[source];
    this.tracks[source] = null;
    track?.stop();
    if (track) this.emit("track", { source, track: null });
    this.emit("change", undefined);
  }

  private applyMute(): void {
    if (this.tracks.microphone) this.tracks.microphone.enabled = !this.muted;
    this.emit("change", undefined);
  }

  private async listDevices(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    // Without permission the entries have neither id nor label.
    this.devices = all.filter((device) => device.deviceId !== "");
    this.emit("change", undefined);
  }

  private videoWish(): MediaTrackConstraints {
    return {
      width: { ideal: (this.height * 16) / 9 },
      height: { ideal: this.height },
      frameRate: { ideal: 30, max: 30 },
      ...(this.cameraId ? { deviceId: { ideal: this.cameraId } } : { facingMode: "user" }),
    };
  }

  private audioWish(): MediaTrackConstraints {
    return {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(this.microphoneId && { deviceId: { ideal: this.microphoneId } }),
    };
  }
}
