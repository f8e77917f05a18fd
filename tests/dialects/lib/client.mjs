// A client of the `rooms` dialect: the official Socket.IO client, which keeps what it is told in order and reads it strictly.
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { opened } from './open.mjs';
import { checkAnswer, checkEvent } from './shapes.mjs';

const PATIENCE_MS = 5_000;

export class Client {
  /** Everything in the order it came: `[event, payload]`, and for answers `['answer to NAME', answer]`. */
  log = [];
  /** What broke the contract; read by `close`. */
  problems = [];
  #waiting = new Set();
  #aware = false;

  constructor(url, options) {
    this.socket = io(url, { forceNew: true, reconnection: false, transports: ['websocket'], ...options });
    opened(() => this.socket.disconnect());
    this.socket.onAny((name, ...args) => this.#hear(name, args));
  }

  /** Connects; with `url` a node's address and `options` those of socket.io-client. */
  static async connect(url, options = {}) {
    const client = new this(url, options);
    await new Promise((resolve, reject) => {
      client.socket.once('connect', resolve);
      client.socket.once('connect_error', reject);
    });
    return client;
  }

  get id() {
    return this.socket.id;
  }

  /** Sends a request and gives its answer, which has the shape that this request's answers have. */
  async ask(name, ...args) {
    if (Array.isArray(args[0]?.extensions) && args[0].extensions.length > 0) this.#aware = true;
    const answer = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${name}`)), PATIENCE_MS);
      this.socket.emit(name, ...args, (...given) => {
        clearTimeout(timer);
        this.log.push([`answer to ${name}`, given[0]]);
        if (given.length === 1) resolve(given[0]);
        else reject(new Error(`${given.length} arguments in the answer to ${name}`));
      });
    });
    checkAnswer(name, answer);
    return answer;
  }

  /** Sends a request that has to be carried out. */
  async do(name, ...args) {
    const answer = await this.ask(name, ...args);
    assert.equal(answer.error, undefined, `${name} was refused`);
    return answer;
  }

  /** Sends a request that has to be refused in these words. */
  async refused(words, name, ...args) {
    assert.deepEqual(await this.ask(name, ...args), { error: words }, `${name} ${JSON.stringify(args).slice(0, 200)}`);
  }

  /** Sends a request without an acknowledgement. */
  tell(name, ...args) {
    this.socket.emit(name, ...args);
  }

  /** The payloads of all events of this name, so far. */
  heard(name) {
    return this.log.filter(([heard]) => heard === name).map(([, payload]) => payload);
  }

  /** The names in the log from an index on. */
  names(from = 0) {
    return this.log.slice(from).map(([name]) => name);
  }

  /** The first event of this name that fits, heard already or to come. */
  async hears(name, fits = () => true) {
    const found = () => this.heard(name).find(fits);
    if (found()) return found();
    return new Promise((resolve, reject) => {
      const entry = () => {
        if (!found()) return;
        clearTimeout(timer);
        this.#waiting.delete(entry);
        resolve(found());
      };
      const late = () => reject(new Error(`did not hear ${name}; heard ${JSON.stringify(this.log).slice(0, 2_000)}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#waiting.add(entry);
    });
  }

  /** A round trip through the room, if it is in one: afterwards all that was under way has been heard. */
  async settle() {
    await this.do('get-socket-id-for-user', { userId: 'nobody' });
    this.log.pop();
  }

  /** Forgets what was heard. */
  forget() {
    this.log.length = 0;
  }

  /** Resolves with the reason once the socket is closed. */
  closed() {
    return new Promise((resolve, reject) => {
      if (this.socket.disconnected) return resolve('closed before');
      const timer = setTimeout(() => reject(new Error('the socket stays open')), PATIENCE_MS);
      this.socket.once('disconnect', (reason) => {
        clearTimeout(timer);
        resolve(reason);
      });
    });
  }

  /** Closes the socket. Throws if anything that was heard broke the contract. */
  close() {
    this.socket.disconnect();
    assert.deepEqual(this.problems, []);
  }

  #hear(name, args) {
    try {
      checkEvent(name, args, this.#aware);
    } catch (error) {
      this.problems.push(error.message);
    }
    this.log.push([name, args[0]]);
    for (const entry of this.#waiting) entry();
  }
}
