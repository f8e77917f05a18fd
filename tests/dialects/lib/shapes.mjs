// What a strict client demands of everything it is told: the exact fields of each answer and event of the `rooms` dialect,
// the type of each, nothing null that should be absent. A check throws an error that names the path of what is wrong.
import { fail } from 'node:assert/strict';

const is = (what, holds) => (value, path) => {
  if (!holds(value)) fail(`${path}: ${JSON.stringify(value)} is not ${what}`);
};
const text = is('a text', (value) => typeof value === 'string' && value !== '');
const anyText = is('a text', (value) => typeof value === 'string');
const flag = is('a flag', (value) => typeof value === 'boolean');
const count = is('a whole number', (value) => Number.isInteger(value) && value >= 0);
const number = is('a number', (value) => Number.isFinite(value));
const only = (...allowed) => is(`one of ${allowed}`, (value) => allowed.includes(value));
const orNull = (check) => (value, path) => value === null || check(value, path);
const list = (check, least = 0) => (value, path) => {
  if (!Array.isArray(value) || value.length < least) fail(`${path}: ${JSON.stringify(value)} is not a list of ${least} or more`);
  value.forEach((entry, index) => check(entry, `${path}[${index}]`));
};

/** An object with exactly these fields; a name that ends in `?` may be absent, but not null. */
function object(fields, { more = false } = {}) {
  const rules = Object.entries(fields).map(([name, check]) => [name.replace('?', ''), check, name.endsWith('?')]);
  return (value, path) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) fail(`${path}: ${JSON.stringify(value)} is not an object`);
    for (const [name, check, optional] of rules) {
      if (name in value) check(value[name], `${path}.${name}`);
      else if (!optional) fail(`${path}.${name} is missing`);
    }
    const known = rules.map(([name]) => name);
    const extra = Object.keys(value).find((name) => !known.includes(name));
    if (extra !== undefined && !more) fail(`${path}.${extra} should not be there`);
  };
}

/** JSON that is passed on: anything, with a null nowhere. */
function withoutNulls(value, path) {
  if (value === null) fail(`${path} is null`);
  if (typeof value === 'object') for (const [key, inner] of Object.entries(value)) withoutNulls(inner, `${path}.${key}`);
}
const opaque = (value, path) => {
  object({}, { more: true })(value, path);
  withoutNulls(value, path);
};

const feedback = list(object({ type: text, parameter: anyText }));
const codec = {
  mimeType: is('a media type', (value) => /^(audio|video)\/\w+$/.test(value)),
  clockRate: count,
  'channels?': count,
  parameters: opaque,
  rtcpFeedback: feedback,
};
export const rtpCapabilities = object({
  codecs: list(object({ ...codec, kind: only('audio', 'video'), preferredPayloadType: count }), 1),
  headerExtensions: list(
    object({
      kind: only('audio', 'video'),
      uri: text,
      preferredId: count,
      preferredEncrypt: flag,
      direction: only('sendrecv', 'sendonly', 'recvonly', 'inactive'),
    }),
    1,
  ),
});
const rtpParameters = (value, path) => {
  object({
    mid: text,
    'msid?': text,
    codecs: list(object({ ...codec, payloadType: count }), 1),
    headerExtensions: list(object({ uri: text, id: count, encrypt: flag, parameters: opaque }), 1),
    encodings: list(object({ ssrc: count, 'rtx?': object({ ssrc: count }) }, { more: true }), 1),
    rtcp: object({ cname: text, reducedSize: flag, 'mux?': flag }),
  })(value, path);
  withoutNulls(value, path);
};
const candidate = (value, path) => {
  object({
    foundation: text,
    priority: count,
    ip: text,
    address: text,
    protocol: only('udp', 'tcp'),
    port: count,
    type: only('host'),
    'tcpType?': only('passive'),
  })(value, path);
  if (value.ip !== value.address) fail(`${path}: ip and address differ`);
  if ((value.protocol === 'tcp') !== ('tcpType' in value)) fail(`${path}: tcpType belongs to TCP`);
};
const transport = object({
  id: text,
  iceParameters: object({ usernameFragment: text, password: text, iceLite: only(true) }),
  iceCandidates: list(candidate, 1),
  dtlsParameters: object({
    role: only('auto', 'client', 'server'),
    fingerprints: list(object({ algorithm: text, value: is('a fingerprint', (value) => /^([0-9A-F]{2}:)+[0-9A-F]{2}$/.test(value)) }), 1),
  }),
  sctpParameters: object({ port: only(5000), OS: count, MIS: count, maxMessageSize: count }),
});
const serving = object({ edge: text, home: text, 'seat?': text, 'worker?': count });

const empty = object({});
const success = object({ success: only(true) });

/** What each request is answered when it is carried out; one that is not here is never carried out. */
export const answers = {
  'get-rtp-capabilities': object({ rtpCapabilities }),
  'join-mediasoup-room': object({
    existingProducers: list(text),
    'alreadyJoined?': only(true),
    'success?': only(true),
    'isHost?': flag,
    'isCoHost?': flag,
    'extensions?': list(only('rebuild', 'speaker', 'quality')),
    'edges?': list(text),
    'servedBy?': serving,
  }),
  'create-webrtc-transport': object({ params: transport }),
  'connect-transport': empty,
  produce: object({ id: text }),
  consume: object({
    id: text,
    producerId: text,
    kind: only('audio', 'video'),
    rtpParameters,
    peerId: text,
    userId: text,
    isScreenShare: flag,
    appData: opaque,
    producerPaused: flag,
    type: only('simple', 'simulcast', 'svc'),
    producerSocketId: text,
  }),
  'resume-consumer': empty,
  'close-producer': success,
  'screen-share-stopped': success,
  'screen-share-started': empty,
  'update-my-state': empty,
  'set-user-id': empty,
  'get-socket-id-for-user': object({ socketId: orNull(text) }),
  leave: empty,
  'get-stats': object({ stats: list(object({ type: text, timestamp: number }, { more: true }), 1) }),
  'set-preferred-layers': empty,
  'request-keyframe': empty,
};

const gone = object({ peerId: text, userId: text });
const producer = { producerId: text, peerId: text, userId: text, kind: only('audio', 'video'), isScreenShare: flag };

/** What each event carries. */
export const events = {
  'new-producer': object(producer),
  'participant-list-update': list(
    object({
      id: text,
      name: text,
      isAudioMuted: flag,
      isVideoPaused: flag,
      imageUrl: orNull(text),
      isHost: flag,
      isCoHost: flag,
      audioLocked: flag,
      screenShareLocked: flag,
    }),
  ),
  'participant-left': gone,
  'new-peer-joined': object({ peerId: text, name: text, imageUrl: orNull(text) }),
  'producer-closed': object({ ...producer, 'reason?': only('replaced', 'media lost') }),
  'participant-state-changed': object({ userId: text, 'isAudioMuted?': flag, 'isVideoPaused?': flag }),
};

/** What only clients that gave a list of extensions may be told. */
export const extensionEvents = {
  'served-by': serving,
  'server-closing': object({ edges: list(text) }),
  'active-speaker': object({ peerId: orNull(text) }),
  'connection-quality': object({ peerId: text, score: is('a score', (value) => Number.isInteger(value) && value >= 0 && value <= 10) }),
  'rebuild-media': object({ deadlineMs: count }),
};

/** An answer as every client has to be able to read it: an object, with `error` alone if it is a refusal. */
export function checkAnswer(name, answer) {
  const path = `answer to ${name}`;
  if (answer !== null && typeof answer === 'object' && 'error' in answer) return object({ error: text })(answer, path);
  (answers[name] ?? fail(`${path}: ${JSON.stringify(answer)}, though this event is not served`))(answer, path);
}

/** An event with one argument, of a name that this client knows. */
export function checkEvent(name, args, aware) {
  const check = events[name] ?? (aware ? extensionEvents[name] : undefined);
  if (!check) fail(`the event ${name} is not for this client`);
  if (args.length !== 1) fail(`${name} has ${args.length} arguments`);
  check(args[0], name);
}
