// Peers without a browser: hand-made media parameters that a worker accepts, and the steps of a call in the seed clients' order.
import { randomBytes } from 'node:crypto';
import { Client } from './client.mjs';

let rooms = 0;
/** The name of a room that no other test uses. */
export const freshRoom = () => `room ${process.pid} ${(rooms += 1)}`;

const ssrc = () => randomBytes(4).readUInt32BE() >>> 1 || 1;
const extension = (uri, id) => ({ uri, id, encrypt: false, parameters: {} });
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const RID = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id';
const feedback = (...types) => types.map((type) => ({ type: type.split(' ')[0], parameter: type.split(' ')[1] ?? '' }));

/** DTLS parameters of a client, with a fingerprint that nobody has. */
export function dtlsParameters(role = 'client') {
  const value = randomBytes(32).toString('hex').toUpperCase().match(/../g).join(':');
  return { role, fingerprints: [{ algorithm: 'sha-256', value }] };
}

/** Opus, as a browser sends it. */
export function opus({ mid = '0', payloadType = 111 } = {}) {
  const codec = { mimeType: 'audio/opus', payloadType, clockRate: 48_000, channels: 2 };
  return {
    mid,
    codecs: [{ ...codec, parameters: { minptime: 10, useinbandfec: 1 }, rtcpFeedback: feedback('transport-cc') }],
    headerExtensions: [extension(MID, 1)],
    encodings: [{ ssrc: ssrc() }],
    rtcp: { cname: 'hand made', reducedSize: true },
  };
}

/** VP8 with retransmission, one stream. */
export function vp8({ mid = '1', payloadType = 96 } = {}) {
  const kinds = feedback('nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc');
  return {
    mid,
    codecs: [
      { mimeType: 'video/VP8', payloadType, clockRate: 90_000, parameters: {}, rtcpFeedback: kinds },
      { mimeType: 'video/rtx', payloadType: payloadType + 1, clockRate: 90_000, parameters: { apt: payloadType }, rtcpFeedback: [] },
    ],
    headerExtensions: [extension(MID, 1)],
    encodings: [{ ssrc: ssrc(), rtx: { ssrc: ssrc() } }],
    rtcp: { cname: 'hand made', reducedSize: true },
  };
}

/** VP8 in three sizes. */
export function simulcast(options) {
  const one = vp8(options);
  const encodings = ['r0', 'r1', 'r2'].map((rid) => ({ rid, scalabilityMode: 'L1T3' }));
  return { ...one, headerExtensions: [extension(MID, 1), extension(RID, 2)], encodings };
}

export class Peer extends Client {
  room;
  capabilities;

  /** Connects and joins a room; `extra` are further fields of the join. */
  static async join(url, room, extra = {}, options = {}) {
    const peer = await this.connect(url, options);
    peer.joined = await peer.enter(room, extra);
    return peer;
  }

  /** So many peers that joined one after the other, with nothing under way and nothing heard. `extras`: what each join has more. */
  static async gather(url, room, count, extras = []) {
    const peers = [];
    for (let index = 0; index < count; index += 1) peers.push(await this.join(url, room, extras[index]));
    await Promise.all(peers.map((peer) => peer.settle()));
    peers.forEach((peer) => peer.forget());
    return peers;
  }

  /** Asks for the room's capabilities and joins it; the answer to the join. */
  async enter(room, extra = {}) {
    this.capabilities = (await this.do('get-rtp-capabilities', { roomId: room })).rtpCapabilities;
    const answer = await this.do('join-mediasoup-room', { roomId: room, rtpCapabilities: this.capabilities, ...extra });
    this.room = room;
    return answer;
  }

  /** Opens a transport; its parameters. */
  async transport(direction) {
    return (await this.do('create-webrtc-transport', { roomId: this.room, direction })).params;
  }

  /** Sends something, on a transport that is opened the first time. */
  async produce(kind, rtpParameters = kind === 'audio' ? opus() : vp8(), extra = {}) {
    this.sending ??= await this.transport('send');
    const data = { roomId: this.room, transportId: this.sending.id, kind, rtpParameters, ...extra };
    return (await this.do('produce', data)).id;
  }

  /** Receives a producer, on a transport that is opened the first time; the answer. */
  async consume(producerId) {
    this.receiving ??= await this.transport('recv');
    return this.do('consume', { roomId: this.room, producerId, rtpCapabilities: this.capabilities });
  }
}
