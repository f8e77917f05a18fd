// What no good client sends: each kind of it leaves the server serving others, logs no error, and is answered with what was wrong.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { servesNormally, useNode } from './lib/node.mjs';
import { Peer, freshRoom, opus } from './lib/peer.mjs';
import { RawPolling, RawSocket } from './lib/raw.mjs';

const FRAME_BYTES = 1_048_576;
const REQUESTS = [
  'get-rtp-capabilities',
  'join-mediasoup-room',
  'create-webrtc-transport',
  'connect-transport',
  'produce',
  'consume',
  'resume-consumer',
  'close-producer',
  'screen-share-stopped',
  'screen-share-started',
  'update-my-state',
  'set-user-id',
  'get-socket-id-for-user',
  'leave',
  'get-stats',
  'set-preferred-layers',
  'request-keyframe',
  'start-recording',
  'stop-recording',
  'no-such-event',
];
const FIELDS = [
  'roomId',
  'rtpCapabilities',
  'userId',
  'userName',
  'userImageUrl',
  'isCreator',
  'extensions',
  'direction',
  'transportId',
  'dtlsParameters',
  'kind',
  'rtpParameters',
  'appData',
  'producerId',
  'consumerId',
  'isAudioMuted',
  'isVideoPaused',
  'spatialLayer',
  'temporalLayer',
];
const nested = (levels, open = '[', shut = ']') => open.repeat(levels) + shut.repeat(levels);
/** Values as JSON text, so that they may be what no JavaScript value is. */
const VALUES = {
  null: 'null',
  'a number': '7',
  'a negative number': '-1',
  'a huge number': '1e400',
  'a long number': '9'.repeat(400),
  'a flag': 'true',
  'an empty text': '""',
  'a text of nulls': JSON.stringify('\u0000'.repeat(50)),
  'half a surrogate': '"\\ud800"',
  'an empty list': '[]',
  'a list of everything': '[null,1,"a",{},[true]]',
  'an empty object': '{}',
  'an object of odd names': '{"__proto__":{"a":1},"constructor":{"prototype":{}},"":null}',
  'a placeholder': '{"_placeholder":true,"num":0}',
  'fields given twice': '{"a":1,"a":2}',
  'a deep list': nested(5_000),
  'a deep object': `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
};

const node = useNode({ files: { 'ringcast.toml': '[limits]\nrequest_burst = 100000\n' } });
afterEach(() => servesNormally(node));

/** Every answer is an object that says what was wrong, or a good one; in any case there is one. */
async function answered(raw, name, json, ack) {
  raw.event(json, ack);
  const answer = await raw.answer(ack);
  assert.ok(answer !== null && typeof answer === 'object', `${name}: ${JSON.stringify(answer)}`);
  if ('error' in answer) assert.ok(typeof answer.error === 'string' && answer.error.length < 300, `${name}: ${answer.error}`);
  return answer;
}

describe('wrong values', () => {
  let raw, room;
  let ack = 0;
  before(async () => {
    room = freshRoom();
    raw = await RawSocket.connect(node.url);
    for (const [name, data] of [['get-rtp-capabilities', {}], ['join-mediasoup-room', {}], ['create-webrtc-transport', { direction: 'send' }], ['create-webrtc-transport', { direction: 'recv' }]]) {
      const answer = await answered(raw, name, [name, { roomId: room, ...data }], (ack += 1));
      assert.equal(answer.error, undefined);
    }
  });
  after(() => raw.close());

  for (const [what, value] of Object.entries(VALUES)) {
    test(`${what}: as each field of each request, and as the whole argument`, async () => {
      const sent = [];
      for (const name of REQUESTS) {
        // A leave would end what the others are tried in.
        if (name !== 'leave') sent.push([name, `["${name}",${value}]`]);
        for (const field of FIELDS) {
          const rest = field === 'roomId' ? '' : `"roomId":${JSON.stringify(room)},`;
          sent.push([`${name} ${field}`, `["${name}",{${rest}"${field}":${name === 'leave' && field !== 'roomId' ? '0' : value}}]`]);
        }
      }
      const quiet = sent.filter(([name]) => !name.startsWith('leave'));
      for (const [, json] of quiet) raw.event(json);
      for (const [name, json] of quiet) await answered(raw, name, json, (ack += 1));
    });
  }
  test('leave with each wrong roomId', async () => {
    for (const [what, value] of Object.entries(VALUES)) {
      const { error } = await answered(raw, `leave ${what}`, `["leave",{"roomId":${value}}]`, (ack += 1));
      if (!/^(null|".+")$/.test(value)) assert.match(error, /^roomId /, what);
    }
  });
});

describe('large input', () => {
  test('texts of almost 1 MiB are answered with what was wrong', async () => {
    const client = await Client.connect(node.url);
    const large = 'x'.repeat(1_000_000);
    await client.refused('roomId is longer than 256 bytes', 'get-rtp-capabilities', { roomId: large });
    await client.refused('data must be an object', 'get-rtp-capabilities', large);
    await client.refused('userId is longer than 256 bytes', 'set-user-id', large);
    await client.refused(`Event not supported: ${'x'.repeat(64)}`, large);
    await client.do('screen-share-started', { junk: large });
    await client.do('get-rtp-capabilities', { roomId: 'r', junk: { junk: [large] } });
    client.close();
  });
  test('parameters and free data have bounds', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    await peer.transport('send');
    const produce = { roomId: peer.room, kind: 'audio', rtpParameters: opus() };
    const long = 'x'.repeat(100_000);
    await peer.refused('rtpParameters is longer than 65536 bytes', 'produce', { ...produce, rtpParameters: { ...opus(), junk: long } });
    await peer.refused('appData is longer than 16384 bytes', 'produce', { ...produce, appData: { long } });
    const deep = JSON.parse(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`);
    await peer.do('produce', { ...produce, appData: deep });
    await peer.refused('appData is nested deeper than 64 levels', 'produce', { ...produce, appData: { deep } });
    peer.close();
  });
  for (const [transport, connect] of [['WebSocket', RawSocket], ['long-polling', RawPolling]]) {
    test(`${transport}: a frame of 1 MiB is answered, a larger one closes the socket`, async () => {
      const frame = (bytes) => {
        const around = ['421["get-rtp-capabilities",{"roomId":"', '"}]'];
        return around.join('x'.repeat(bytes - around.join('').length));
      };
      const raw = await connect.connect(node.url);
      if (transport === 'WebSocket') {
        raw.send(frame(FRAME_BYTES));
        assert.deepEqual(await raw.answer(1), { error: 'roomId is longer than 256 bytes' });
        raw.send(frame(FRAME_BYTES + 1));
        await raw.end();
      } else {
        assert.equal(await raw.post(frame(FRAME_BYTES)), 200);
        assert.deepEqual(await raw.get(), ['431[{"error":"roomId is longer than 256 bytes"}]']);
        assert.ok((await raw.post(frame(FRAME_BYTES + 1))) >= 400);
        await assert.rejects(raw.get(), /400/, 'the session is gone');
      }
    });
  }
  test('nesting of 100,000 levels anywhere', async () => {
    const raw = await RawSocket.connect(node.url);
    const levels = 100_000;
    raw.event(`["get-rtp-capabilities",{"roomId":${nested(levels)}}]`, 1);
    raw.event(`["get-rtp-capabilities",${nested(levels)}]`, 2);
    raw.event(`["get-rtp-capabilities",${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}]`, 3);
    assert.deepEqual(await raw.answer(1), { error: 'roomId must be a string' });
    assert.deepEqual(await raw.answer(2), { error: 'data must be an object' });
    assert.deepEqual(await raw.answer(3), { error: 'roomId is required' });
    raw.event(nested(levels), 4);
    await raw.end();
  });
});

describe('odd frames', () => {
  const FRAMES = {
    'an event that is no JSON': '42["get-rtp-capabilities",{"roomId":]',
    'an event that is no array': '42{"a":1}',
    'an empty array': '42[]',
    'an event without a name': '42[7,{"roomId":"r"}]',
    'an event cut short': '42["join-mediasoup-room",{"roomId":"r"',
    'nothing after the type': '42',
    'a number of an acknowledgement that is too long': `42${'9'.repeat(40)}["leave",{}]`,
    'an answer to what was never asked': '4399["x"]',
    'an answer that is no array': '431{}',
    'a second connect': '40',
    'a connect of another namespace': '40/admin,',
    'an event to another namespace': '42/admin,["leave",{}]',
    'a refusal from the client': '44{"message":"no"}',
    'a binary event without its parts': '451-["get-rtp-capabilities",{"_placeholder":true,"num":0}]',
    'a binary event of a million parts': '451000000-["get-rtp-capabilities"]',
    'an unknown packet': '49["x"]',
    'an unknown frame': '9',
    'an empty frame': '',
    'a ping of the wrong side': '2probe',
    'a noop': '6',
    'an upgrade of what is upgraded': '5',
    'an open packet': '0{}',
    'names of Socket.IO itself': '42["connect",{}]',
    'disconnect as an event': '421["disconnect",{}]',
    'bytes that are no text': Buffer.from([0x34, 0x32, 0xff, 0xfe]),
    'binary out of nowhere': Buffer.alloc(1_000, 7),
    'null bytes': '42["\u0000",{"\u0000":"\u0000"}]',
  };
  for (const [what, frame] of Object.entries(FRAMES)) {
    test(`${what}: at most this socket ends`, async () => {
      for (const connected of [true, false]) {
        const raw = connected ? await RawSocket.connect(node.url) : await RawSocket.open(node.url);
        raw.send(frame);
        raw.send(frame);
        if (raw.socket.readyState === raw.socket.OPEN) raw.send('41');
        await new Promise((resolve) => setTimeout(resolve, 20));
        raw.close();
      }
    });
  }
  test('what is no event at all ends its socket', async () => {
    for (const json of ['[]', '{"a":1}', '[7,{"roomId":"r"}]', '[{"a":1}]', '["get-rtp-capabilities",{"roomId":"r",}]', 'text']) {
      const raw = await RawSocket.connect(node.url);
      raw.event(json, 1);
      await raw.end();
      assert.deepEqual(raw.packets.filter((packet) => packet.startsWith('3')), [], json);
    }
  });
  test('binary attachments are refused by name, with and without an acknowledgement', async () => {
    const client = await Client.connect(node.url);
    for (const data of [Buffer.from([1, 2, 3]), { roomId: Buffer.from('r') }, { roomId: 'r', junk: [Buffer.alloc(100_000)] }]) {
      client.tell('get-rtp-capabilities', data);
      await client.refused('binary data is not supported', 'get-rtp-capabilities', data);
    }
    await client.settle();
    client.close();
  });
  test('one acknowledgement number used twice: both requests are carried out, and no answer comes to a third', async () => {
    const room = freshRoom();
    const raw = await RawSocket.connect(node.url);
    raw.event(['get-rtp-capabilities', { roomId: room }], 5);
    raw.event(['join-mediasoup-room', { roomId: room }], 5);
    raw.event(['update-my-state', { roomId: room, isAudioMuted: true }], 5);
    raw.event(['get-socket-id-for-user', { userId: raw.id }], 6);
    assert.deepEqual(await raw.answer(6), { socketId: raw.id });
    const answers = raw.packets.filter((packet) => packet.startsWith('35['));
    assert.ok(answers.length >= 1 && answers.length <= 3, `${answers.length} answers`);
    const late = await Peer.join(node.url, room);
    const list = late.heard('participant-list-update')[0];
    assert.deepEqual(list.map(({ id, isAudioMuted }) => [id, isAudioMuted]), [[raw.id, true], [late.id, false]]);
    late.close();
    raw.close();
  });
  test('a socket cut in the middle of its requests leaves nothing behind', async () => {
    const room = freshRoom();
    const [stays] = await Peer.gather(node.url, room, 1);
    for (let round = 0; round < 20; round += 1) {
      const raw = await RawSocket.connect(node.url);
      raw.event(['get-rtp-capabilities', { roomId: room }]);
      raw.event(['join-mediasoup-room', { roomId: room }], 1);
      raw.event(['create-webrtc-transport', { roomId: room, direction: 'send' }], 2);
      raw.event(['create-webrtc-transport', { roomId: room, direction: 'recv' }], 3);
      if (round % 2) await raw.answer(1);
      raw.close();
    }
    await stays.hears('participant-list-update', (list) => list.length === 1 && stays.heard('participant-left').length >= 10);
    const deadline = Date.now() + 3_000;
    let left;
    do {
      left = (await (await fetch(`${node.url}/metrics`)).text()).split('\n').filter((line) => /^ringcast_(peers|transports\{.*\}) [^0]/.test(line));
    } while (left.join() !== 'ringcast_peers 1' && Date.now() < deadline);
    assert.deepEqual(left, ['ringcast_peers 1']);
    stays.close();
  });
});

describe('media parameters that a worker would not take', () => {
  const CHANGES = {
    'no codecs': { codecs: [] },
    'codecs that are none': { codecs: [null] },
    'a codec of another kind': { codecs: [{ ...opus().codecs[0], mimeType: 'video/VP8', clockRate: 90_000 }] },
    'a codec that nobody knows': { codecs: [{ ...opus().codecs[0], mimeType: 'audio/none' }] },
    'a payload type out of range': { codecs: [{ ...opus().codecs[0], payloadType: 300 }] },
    'a clock rate of 0': { codecs: [{ ...opus().codecs[0], clockRate: 0 }] },
    'a thousand codecs': { codecs: Array(1_000).fill(opus().codecs[0]) },
    'encodings that are none': { encodings: [7] },
    'an SSRC below 0': { encodings: [{ ssrc: -1 }] },
    'an SSRC of 2^40': { encodings: [{ ssrc: 2 ** 40 }] },
    'a thousand encodings': { encodings: Array.from({ length: 1_000 }, (_, index) => ({ ssrc: index + 1 })) },
    'a header extension with id 0': { headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 0 }] },
    'a header extension with id 300': { headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 300 }] },
    'a mid of 10,000 bytes': { mid: 'm'.repeat(10_000) },
    'rtcp that is none': { rtcp: 'yes' },
    'a cname of null bytes': { rtcp: { cname: '\u0000'.repeat(100) } },
    'a scalability mode that is none': { encodings: [{ ssrc: 1, scalabilityMode: 'L99T99' }] },
  };
  const DTLS = {
    'no fingerprints': { role: 'client', fingerprints: [] },
    'a fingerprint too short': { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: 'AA:BB' }] },
    'an algorithm that is none': { role: 'client', fingerprints: [{ algorithm: 'md5', value: 'AA' }] },
    'a role that is none': { role: 'boss', fingerprints: [{ algorithm: 'sha-256', value: Array(32).fill('AA').join(':') }] },
    'fingerprints that are none': { role: 'client', fingerprints: 'AA' },
    'a thousand fingerprints': { role: 'client', fingerprints: Array(1_000).fill({ algorithm: 'sha-256', value: Array(32).fill('AA').join(':') }) },
  };
  let peer;
  before(async () => {
    peer = await Peer.join(node.url, freshRoom());
    peer.sending = await peer.transport('send');
  });

  for (const [what, change] of Object.entries(CHANGES)) {
    test(`produce: ${what}`, async () => {
      const data = { roomId: peer.room, kind: 'audio', rtpParameters: { ...opus(), ...change } };
      const answer = await peer.ask('produce', data);
      if (answer.id) await peer.do('close-producer', { roomId: peer.room, producerId: answer.id });
      else assert.ok(answer.error.length < 300, answer.error);
      assert.ok(answer.error || /scalability|null bytes|codecs$/.test(what), 'is refused');
    });
  }
  for (const [what, dtlsParameters] of Object.entries(DTLS)) {
    test(`connect-transport: ${what}`, async () => {
      const answer = await peer.ask('connect-transport', { roomId: peer.room, transportId: peer.sending.id, dtlsParameters });
      assert.ok(answer.error, 'is refused');
    });
  }
});
