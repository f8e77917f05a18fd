/** The receiving half of a call: one transport and a consumer for each producer that is wanted. */
import type { types } from "mediasoup-client";
import { type Layers, spatialLayers } from "./layers.ts";
import { RefusedError } from "./link.ts";
import { Pool } from "./pool.ts";
import type { ConsumeAnswer } from "./protocol.ts";
import type { RemoteKind, RemoteTrack } from "./roster.ts";
import { type MediaContext, wire } from "./sender.ts";

/** How many producers are being consumed at once: a big room loads quickly and the server is not flooded. */
const CONCURRENCY = 8;

export interface ReceiverContext extends MediaContext {
  onTrack(track: RemoteTrack): void;
  onGone(consumerId: string): void;
  /** This one producer can't be had; the others go on. */
  onRefused(producerId: string, reason: string): void;
}

export class Receiver {
  private transport: Promise<types.Transport> | null = null;
  private readonly wanted = new Map<string, { consumer: types.Consumer | null }>();
  private readonly layers = new Map<string, string>();
  private readonly pool = new Pool(CONCURRENCY);
  private closed = false;

  constructor(private readonly context: ReceiverContext) {}

  /** Ids of all producers that are consumed or about to be. */
  get producerIds(): string[] {
    return [...this.wanted.keys()];
  }

  get consumers(): types.Consumer[] {
    return [...this.wanted.values()].flatMap(({ consumer }) => consumer ?? []);
  }

  /** Consumes a producer. Asked twice for the same one, it does so once. */
  async want(producerId: string): Promise<void> {
    if (this.closed || this.wanted.has(producerId)) return;
    this.wanted.set(producerId, { consumer: null });
    await this.pool.run(() => this.consume(producerId)).catch((error: unknown) => {
      this.wanted.delete(producerId);
      if (error instanceof RefusedError) this.context.onRefused(producerId, error.message);
    });
  }

  forget(producerId: string): void {
    const consumer = this.wanted.get(producerId)?.consumer;
    this.wanted.delete(producerId);
    if (!consumer) return;
    consumer.close();
    this.layers.delete(consumer.id);
    this.context.onGone(consumer.id);
  }

  /** Tells the server which layers to send. The same wish is told once. */
  prefer(consumerId: string, { spatialLayer, temporalLayer }: Layers): void {
    const wish = `${spatialLayer}.${temporalLayer}`;
    if (this.closed || this.layers.get(consumerId) === wish) return;
    this.layers.set(consumerId, wish);
    const { link, roomId } = this.context;
    link
      .request("set-preferred-layers", { roomId, consumerId, spatialLayer, temporalLayer })
      .catch(() => this.layers.delete(consumerId));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const consumer of this.consumers) this.context.onGone(consumer.id);
    this.wanted.clear();
    void this.transport?.then((transport) => transport.close(), () => undefined);
  }

  async getStats(): Promise<RTCStatsReport | null> {
    const transport = await this.transport?.catch(() => null);
    return transport && !transport.closed ? transport.getStats() : null;
  }

  private async consume(producerId: string): Promise<void> {
    const { link, device, roomId } = this.context;
    const transport = await this.open();
    if (!this.wanted.has(producerId)) return;
    const rtpCapabilities = device.recvRtpCapabilities;
    const answer = await link.request("consume", { roomId, producerId, rtpCapabilities });
    if (!this.wanted.has(producerId)) return;
    const { id, kind, rtpParameters } = answer;
    const consumer = await transport.consume({ id, producerId, kind, rtpParameters });
    const entry = this.wanted.get(producerId);
    if (!entry) return consumer.close();
    entry.consumer = consumer;
    // What the server sends unless told otherwise: everything.
    this.layers.set(id, `${spatialLayers(rtpParameters.encodings?.[0]?.scalabilityMode) - 1}.2`);
    await link.request("resume-consumer", { roomId, consumerId: id });
    if (this.wanted.has(producerId)) this.context.onTrack(describe(answer, consumer));
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
    const { params } = await link.request("create-webrtc-transport", { roomId, direction: "recv" });
    const transport = device.createRecvTransport(params);
    wire(this.context, transport);
    return transport;
  }
}

function describe(answer: ConsumeAnswer, consumer: types.Consumer): RemoteTrack {
  const isScreen = answer.isScreenShare ?? answer.appData?.share ?? false;
  const kind: RemoteKind = isScreen ? (answer.kind === "video" ? "screen" : "screen-audio") : answer.kind;
  return {
    consumerId: consumer.id,
    producerId: answer.producerId,
    peerId: answer.peerId ?? answer.producerId,
    kind,
    track: consumer.track,
    layers: spatialLayers(answer.rtpParameters.encodings?.[0]?.scalabilityMode),
  };
}
