/** The call itself: brings the room, the own devices and the views together. Decides nothing about media. */
import { layersFor, newest, type Peer, RoomClient, type Status } from "../client/index.ts";
import { AudioOutlet } from "./audio.ts";
import { Banner, type BannerState } from "./banner.ts";
import { Controls } from "./controls.ts";
import { Details } from "./details.ts";
import { h, text } from "./dom.ts";
import { Grid, type Shown } from "./grid.ts";
import { Header } from "./header.ts";
import type { LocalMedia } from "./local-media.ts";
import { Notices } from "./notices.ts";
import { listenToKeys } from "./shortcuts.ts";
import type { TileState } from "./tile.ts";

/** Who was here already is not announced one by one. */
const QUIET_MS = 1_500;

export interface CallOptions {
  name: string;
  roomId: string;
  onEnded(status: Status & { phase: "ended" }): void;
}

export class Call {
  readonly element: HTMLElement;
  private readonly grid = new Grid((shown) => this.prefer(shown));
  private readonly audio = new AudioOutlet((blocked) => this.setBlocked(blocked));
  private readonly banner = new Banner();
  private readonly notices = new Notices();
  private readonly controls: Controls;
  private readonly details: Details;
  private readonly header: Header;
  private readonly stop: (() => void)[];
  private blocked = false;
  private quietUntil = Infinity;
  private drawing = false;
  private closed = false;

  constructor(
    private readonly room: RoomClient,
    private readonly media: LocalMedia,
    private readonly options: CallOptions,
  ) {
    this.controls = new Controls({
      microphone: () => void this.toggleMicrophone(),
      camera: () => void this.toggleCamera(),
      share: () => void this.toggleShare(),
      details: () => this.toggleDetails(),
      leave: () => this.room.leave(),
    });
    this.details = new Details(room, () => this.toggleDetails());
    this.header = new Header(options.roomId, this.notices);
    const stage = h("div", { class: "call-main" }, this.grid.element, this.details.element);
    this.element = h("main", { class: "call" }, this.header.element, this.banner.element, stage, this.controls.element, this.notices.element, this.audio.element);
    this.stop = [...this.listen(), listenToKeys(this.keys())];
    this.start();
  }

  close(): void {
    for (const stop of this.stop) stop();
    // A drawing that is still waiting would bring the tiles back.
    this.closed = true;
    this.details.close();
    this.audio.update(new Map());
    this.grid.update([]);
    this.element.remove();
  }

  private start(): void {
    for (const [source, track] of Object.entries(this.media.tracks)) {
      this.room.publish(source as keyof LocalMedia["tracks"], track);
    }
    this.room.setMuted(this.media.muted);
    this.room.start();
    for (const problem of new Set(Object.values(this.media.problems))) if (problem) this.notices.show(problem);
    this.draw();
    this.showStatus();
  }

  private listen(): (() => void)[] {
    const { room, media, notices } = this;
    return [
      room.on("status", (status) => this.changeStatus(status)),
      room.on("change", () => this.draw()),
      room.on("joined", (peer) => this.announce(`${peer.name} joined`)),
      room.on("left", (peer) => this.announce(`${peer.name} left`)),
      room.on("trouble", (message) => notices.show(message)),
      media.on("track", ({ source, track }) => room.publish(source, track)),
      media.on("change", () => {
        room.setMuted(media.muted);
        this.draw();
      }),
    ];
  }

  private keys(): Record<string, () => void> {
    return {
      m: () => void this.toggleMicrophone(),
      v: () => void this.toggleCamera(),
      s: () => void this.toggleShare(),
      d: () => this.toggleDetails(),
      Escape: () => this.details.open && this.toggleDetails(),
    };
  }

  private announce(message: string): void {
    if (performance.now() > this.quietUntil) this.notices.show(message);
  }

  private changeStatus(status: Status): void {
    if (status.phase === "ended") return this.options.onEnded(status);
    this.quietUntil = status.phase === "joined" ? performance.now() + QUIET_MS : Infinity;
    this.showStatus();
    this.draw();
  }

  private setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    this.showStatus();
  }

  private showStatus(): void {
    this.banner.update(bannerFor(this.room, this.blocked, () => void this.audio.unblock()));
    this.element.dataset.phase = this.room.status.phase;
  }

  private async toggleMicrophone(): Promise<void> {
    await this.media.toggleMicrophone();
    this.notices.say(this.media.microphoneOn ? "Microphone on" : "Microphone muted");
    this.tellProblem("microphone");
  }

  private async toggleCamera(): Promise<void> {
    await this.media.toggleCamera();
    this.notices.say(this.media.cameraOn ? "Camera on" : "Camera off");
    this.tellProblem("camera");
  }

  private tellProblem(device: "camera" | "microphone"): void {
    if (this.media.problems[device]) this.notices.show(this.media.problems[device]);
  }

  private async toggleShare(): Promise<void> {
    if (!this.media.canShare) return;
    try {
      await this.media.toggleScreen();
      this.notices.say(this.media.screenOn ? "Sharing your screen" : "Stopped sharing");
    } catch (error) {
      // Closing the browser's own dialog is an answer, not a failure.
      if (!(error instanceof Error && error.name === "NotAllowedError")) this.notices.show("The screen can’t be shared.");
    }
  }

  private toggleDetails(): void {
    this.details.toggle(!this.details.open);
    if (!this.details.open) this.controls.element.querySelector<HTMLElement>("[data-testid=details-button]")?.focus();
    this.draw();
  }

  /** Many changes come together; they are drawn once. */
  private draw(): void {
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      if (!this.closed) this.drawNow();
    });
  }

  private drawNow(): void {
    const { room, media } = this;
    const states = [this.selfTile(), ...room.peers.map((peer) => this.peerTile(peer)), ...this.screenTiles()];
    this.grid.update(states);
    this.audio.update(soundOf(room.peers));
    this.header.setCount(room.peers.length + 1);
    this.controls.update({
      microphone: media.microphoneOn,
      camera: media.cameraOn,
      share: media.screenOn,
      canShare: media.canShare,
      details: this.details.open,
    });
    text(document.querySelector("title") ?? document.head, `${this.options.roomId} · Ringcast`);
  }

  private selfTile(): TileState {
    const { room, media, options } = this;
    return {
      key: "self",
      peerId: room.selfId,
      name: options.name,
      self: true,
      screen: false,
      muted: !media.microphoneOn,
      speaking: room.speaker === room.selfId && media.microphoneOn,
      quality: room.selfQuality,
      video: media.tracks.camera,
      consumerId: null,
      layers: 1,
    };
  }

  private peerTile(peer: Peer): TileState {
    const video = peer.videoPaused ? undefined : newest(peer, "video");
    return {
      key: peer.id,
      peerId: peer.id,
      name: peer.name,
      self: false,
      screen: false,
      muted: peer.audioMuted,
      speaking: this.room.speaker === peer.id,
      quality: peer.quality,
      video: video?.track ?? null,
      consumerId: video?.consumerId ?? null,
      layers: video?.layers ?? 1,
    };
  }

  private screenTiles(): TileState[] {
    const own = this.media.tracks.screen;
    const tiles: TileState[] = own
      ? [{ ...this.selfTile(), key: "self:screen", screen: true, speaking: false, video: own }]
      : [];
    for (const peer of this.room.peers) {
      const screen = newest(peer, "screen");
      if (!screen) continue;
      const { track: video, consumerId, layers } = screen;
      tiles.push({ ...this.peerTile(peer), key: `${peer.id}:screen`, screen: true, speaking: false, video, consumerId, layers });
    }
    return tiles;
  }

  private prefer(shown: Shown[]): void {
    for (const { consumerId, width, layers } of shown) this.room.prefer(consumerId, layersFor(width, layers));
  }
}

function soundOf(peers: Peer[]): Map<string, MediaStreamTrack> {
  const kinds = ["audio", "screen-audio"] as const;
  const tracks = peers.flatMap((peer) => kinds.map((kind) => newest(peer, kind)));
  return new Map(tracks.flatMap((found) => (found ? [[found.consumerId, found.track] as const] : [])));
}

function bannerFor({ status, mediaBroken }: RoomClient, blocked: boolean, unblock: () => void): BannerState | null {
  if (status.phase === "connecting") return { kind: "connecting", text: "Connecting…" };
  if (status.phase === "away") {
    return status.closing
      ? { kind: "closing", text: "This server is closing. Moving you over…" }
      : { kind: "away", text: "The server can’t be reached. Trying again by itself…" };
  }
  if (mediaBroken) return { kind: "media", text: "Sound and picture don’t get through, perhaps because of a firewall. Trying again…" };
  if (blocked) return { kind: "sound", text: "Your browser holds back the sound.", action: { label: "Turn on sound", run: unblock } };
  return null;
}
