// Engine.IO by hand, for what the official client never sends: frames of any text over a WebSocket, packets over long-polling.
import { WebSocket } from 'ws';
import { opened } from './open.mjs';

const PATIENCE_MS = 5_000;
const SEPARATOR = '\x1e';

const late = (what) => new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: too late`)), PATIENCE_MS).unref());

/** A WebSocket connection, connected to the default namespace. */
export class RawSocket {
  /** Packets of Socket.IO, without the Engine.IO prefix `4`. */
  packets = [];
  #waiting = new Set();

  static async connect(url, options = {}) {
    const raw = await this.open(url, options);
    raw.send('40');
    const first = await raw.next((packet) => packet.startsWith('0') || packet.startsWith('4'));
    const { sid, message } = JSON.parse(first.slice(1));
    raw.id = sid;
    raw.refused = message;
    return raw;
  }

  /** The same, before it connects to a namespace. */
  static async open(url, options = {}) {
    const raw = new RawSocket();
    raw.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, { maxPayload: 0, ...options });
    opened(() => raw.close());
    raw.closed = new Promise((resolve) => raw.socket.once('close', resolve));
    raw.socket.on('error', () => {});
    raw.socket.on('message', (data) => raw.#hear(data.toString()));
    await Promise.race([new Promise((resolve) => raw.socket.once('open', resolve)), raw.closed, late('open')]);
    return raw;
  }

  send(frame) {
    this.socket.send(frame);
  }

  /** An event with an acknowledgement of this number; `json` is the whole array. */
  event(json, ack = '') {
    this.send(`42${ack}${typeof json === 'string' ? json : JSON.stringify(json)}`);
  }

  /** The first packet that fits, here already or to come. */
  next(fits) {
    const found = this.packets.find(fits);
    if (found) return found;
    const coming = new Promise((resolve) => {
      const entry = (packet) => fits(packet) && (this.#waiting.delete(entry), resolve(packet));
      this.#waiting.add(entry);
    });
    return Promise.race([coming, late('packet')]);
  }

  /** The answer to the acknowledgement of this number. */
  async answer(ack) {
    const start = `3${ack}[`;
    return JSON.parse((await this.next((packet) => packet.startsWith(start))).slice(start.length - 1))[0];
  }

  /** Resolves when the socket is closed, by whomever. */
  end() {
    return Promise.race([this.closed, late('close')]);
  }

  close() {
    this.socket.terminate();
  }

  #hear(frame) {
    if (frame === '2') return this.send('3');
    if (!frame.startsWith('4')) return;
    const packet = frame.slice(1);
    this.packets.push(packet);
    for (const entry of this.#waiting) entry(packet);
  }
}

/** A long-polling connection, one request at a time. */
export class RawPolling {
  static async connect(url, headers = {}) {
    const raw = new RawPolling();
    raw.headers = headers;
    raw.address = `${url}/socket.io/?EIO=4&transport=polling`;
    opened(() => raw.close());
    const [open] = await raw.get();
    raw.handshake = JSON.parse(open.slice(1));
    raw.address += `&sid=${raw.handshake.sid}`;
    await raw.post('40');
    const [connected] = await raw.get();
    raw.id = JSON.parse(connected.slice(2)).sid;
    return raw;
  }

  /** Closes the session. */
  close() {
    return this.post('1').catch(() => 'closed already');
  }

  /** The packets of one answer, without pings, which are answered. */
  async get() {
    const response = await fetch(this.address, { headers: this.headers, signal: AbortSignal.timeout(PATIENCE_MS) });
    this.body = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${this.body}`);
    const packets = this.body.split(SEPARATOR);
    if (packets.includes('2')) await this.post('3');
    return packets.filter((packet) => packet !== '2');
  }

  /** Sends packets; the status of the answer. */
  async post(...packets) {
    const request = { method: 'POST', headers: { ...this.headers, 'content-type': 'text/plain;charset=UTF-8' } };
    const response = await fetch(this.address, { ...request, body: packets.join(SEPARATOR), signal: AbortSignal.timeout(PATIENCE_MS) });
    await response.text();
    return response.status;
  }
}
