/** The sending half of a call: one transport and a producer for each source that is on. */
import type { types } from "mediasoup-client";
import { cameraEncodings, OPUS_OPTIONS, screenEncodings, type Source, VIDEO_OPTIONS } from "./encodings.ts";
import type { Link } from "./link.ts";
import { Sequence } from "./pool.ts";

export interface MediaContext {
  link: Link;
  device: types.Device;
  roomId: string;
  simulcast: boolean;
  /** How long a transport may take to connect, or to come back, before it counts as broken. */
  patienceMs: number;
  onConnected(): void;
  /** The path of media broke and will not come back by itself. */
  onBroken(): void;
}

/** Answers mediasoup-client's `connect` event by asking the server, and reports a transport that does not connect. */
export function wire(context: MediaContext, transport: types.Transport): void {
  let patience: ReturnType<typeof setTimeout> | undefined;
  const broken = () => !transport.closed && context.onBroken();
  // A browser may keep trying for ever without ever saying that it failed.
  const wait = () => {
    clearTimeout(patience);
    patience = setTimeout(broken, context.patienceMs);
  };
  transport.on("connect", ({ dtlsParameters }, done, failed) => {
    wait();
    const ask = { roomId: context.roomId, transportId: transport.id, dtlsParameters };
    context.link.request("connect-transport", ask).then(() => done(), failed);
  });
  transport.on("connectionstatechange", (state) => {
    if (state === "disconnected") return wait();
    if (state === "connecting") return;
    clearTimeout(patience);
    if (state === "connected") context.onConnected();
    else if (state === "failed") broken();
  });
}

export class Sender {
  private transport: Promise<types.Transport> | null = null;
  private readonly producers = new Map<Source, types.Producer>();
  private readonly sequence = new Sequence();
  private closed = false;

  constructor(private readonly context: MediaContext) {}

  /** Makes `source` send `track`, or stops sending it. Changes are carried out one after the other. */
  publish(source: Source, track: MediaStreamTrack | null): Promise<void> {
    return this.sequence.run(async () => {
      if (this.closed || track?.readyState === "ended") return;
      const producer = this.producers.get(source);
      if (!track) await this.withdraw(source);
      else if (producer && source !== "screen") await producer.replaceTrack({ track });
      else await this.produce(source, track);
    });
  }

  /** Ends what is sent at the server too; used when a new sender has taken over. */
  async retire(): Promise<void> {
    await Promise.allSettled([...this.producers.keys()].map((source) => this.withdraw(source)));
    this.close();
  }

  close(): void {
    this.closed = true;
    void this.transport?.then((transport) => transport.close(), () => undefined);
    this.producers.clear();
  }

  get sending(): ReadonlyMap<Source, types.Producer> {
    return this.producers;
  }

  async getStats(): Promise<RTCStatsReport | null> {
    const transport = await this.transport?.catch(() => null);
    return transport && !transport.closed ? transport.getStats() : null;
  }

  private async produce(source: Source, track: MediaStreamTrack): Promise<void> {
    await this.withdraw(source);
    const transport = await this.open();
    if (this.closed) return;
    const producer = await transport.produce({
      track,
      ...this.options(source, track),
      stopTracks: false,
      disableTrackOnPause: false,
      appData: source === "screen" ? { share: true } : {},
    });
    this.producers.set(source, producer);
  }

  private options(source: Source, track: MediaStreamTrack): types.ProducerOptions {
    if (source === "microphone") return { codecOptions: OPUS_OPTIONS };
    const { height = 720 } = track.getSettings();
    const vp8 = this.context.device.sendRtpCapabilities.codecs?.find((codec) => /^video\/vp8$/i.test(codec.mimeType));
    return {
      encodings: source === "screen" ? screenEncodings() : cameraEncodings(height, this.context.simulcast),
      codecOptions: VIDEO_OPTIONS,
      ...(vp8 && { codec: vp8 }),
    };
  }

  private async withdraw(source: Source): Promise<void> {
    const producer = this.producers.get(source);
    if (!producer) return;
    this.producers.delete(source);
    producer.close();
    await this.context.link
      .request("close-producer", { roomId: this.context.roomId, producerId: producer.id })
      // It may be gone at the server already; either way it is no longer sent.
      .catch(() => undefined);
  }

  private open(): Promise<types.Transport> {
    this.transport ??= this.create().catch((error: unknown) => {
      this.transport = null;
      throw error;
    });
    return this.transport;
  }

  private async create(): Promise<types.Transport> {
    const { link, device, roomId } = this.context;
    const { params } = await link.request("create-webrtc-transport", { roomId, direction: "send" });
    const transport = device.createSendTransport(params);
    wire(this.context, transport);
    transport.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
      link.request("produce", { roomId, transportId: transport.id, kind, rtpParameters, appData }).then(done, failed);
    });
    return transport;
  }
}
