// Every request of the `rooms` dialect, carried out and refused: one row a case. The shape of every answer and event is checked by
// the client (`lib/shapes.mjs`), the values here.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { useNode } from './lib/node.mjs';
import { Peer, dtlsParameters, freshRoom, opus, simulcast, vp8 } from './lib/peer.mjs';

/** Requests to a room, with all that they need but `roomId`. */
const ROOM_REQUESTS = {
  'create-webrtc-transport': { direction: 'send' },
  'connect-transport': { transportId: 'none', dtlsParameters: dtlsParameters() },
  produce: { transportId: 'none', kind: 'audio', rtpParameters: opus() },
  consume: { producerId: 'none', rtpCapabilities: { codecs: [], headerExtensions: [] } },
  'resume-consumer': { consumerId: 'none' },
  'close-producer': { producerId: 'none' },
  'screen-share-stopped': { producerId: 'none', userId: 'user_a' },
  'update-my-state': { isAudioMuted: true },
  'get-stats': { transportId: 'none' },
  'set-preferred-layers': { consumerId: 'none', spatialLayer: 0 },
  'request-keyframe': { consumerId: 'none' },
};
const NAMED_ROOM = { 'get-rtp-capabilities': {}, 'join-mediasoup-room': { rtpCapabilities: {} }, ...ROOM_REQUESTS };
/** Requests that need no room at all, or may leave it out. */
const OBJECTS = { ...NAMED_ROOM, leave: {}, 'get-socket-id-for-user': { userId: 'user_a' } };

const WRONG_ROOMS = [
  [undefined, 'roomId is required'],
  [null, 'roomId is required'],
  ['', 'roomId is empty'],
  ['r'.repeat(257), 'roomId is longer than 256 bytes'],
  ...[7, true, {}, ['room']].map((roomId) => [roomId, 'roomId must be a string']),
];

/** Wrong fields of each request: [request, fields over the good ones, the answer]. A field `undefined` is left out. */
const WRONG_FIELDS = [
  ['join-mediasoup-room', { userId: 7 }, 'userId must be a string'],
  ['join-mediasoup-room', { userId: 'u'.repeat(257) }, 'userId is longer than 256 bytes'],
  ['join-mediasoup-room', { userName: ['a'] }, 'userName must be a string'],
  ['join-mediasoup-room', { userImageUrl: {} }, 'userImageUrl must be a string'],
  ['join-mediasoup-room', { isCreator: 'yes' }, 'isCreator must be true or false'],
  ['join-mediasoup-room', { rtpCapabilities: 'all' }, 'rtpCapabilities must be an object'],
  ['join-mediasoup-room', { rtpCapabilities: { a: 'x'.repeat(65_536) } }, 'rtpCapabilities is longer than 65536 bytes'],
  ['join-mediasoup-room', { extensions: 'rebuild' }, 'extensions must be a list of strings'],
  ['create-webrtc-transport', { direction: undefined }, 'direction is required'],
  ['create-webrtc-transport', { direction: 'both' }, 'direction must be "send" or "recv"'],
  ['create-webrtc-transport', { direction: 1 }, 'direction must be a string'],
  ['connect-transport', { transportId: undefined }, 'transportId is required'],
  ['connect-transport', { transportId: 5 }, 'transportId must be a string'],
  ['connect-transport', {}, 'Transport not found'],
  ['connect-transport', { dtlsParameters: undefined }, 'dtlsParameters is required'],
  ['connect-transport', { dtlsParameters: [] }, 'dtlsParameters must be an object'],
  ['produce', { kind: 'text' }, 'Only audio and video are allowed'],
  ['produce', { kind: undefined }, 'Only audio and video are allowed'],
  ['produce', { rtpParameters: undefined }, 'rtpParameters is required'],
  ['produce', { rtpParameters: 'opus' }, 'rtpParameters must be an object'],
  ['produce', { rtpParameters: { ...opus(), mid: 3 } }, 'rtpParameters.mid must be a string'],
  ['produce', { appData: 'share' }, 'appData must be an object'],
  ['produce', { appData: { a: 'x'.repeat(16_384) } }, 'appData is longer than 16384 bytes'],
  ['consume', { producerId: undefined }, 'producerId is required'],
  ['consume', { producerId: {} }, 'producerId must be a string'],
  ['consume', { rtpCapabilities: [] }, 'rtpCapabilities must be an object'],
  ['resume-consumer', { consumerId: undefined }, 'consumerId is required'],
  ['resume-consumer', {}, 'Consumer not found'],
  ['close-producer', { producerId: undefined }, 'producerId is required'],
  ['close-producer', {}, 'Producer not found'],
  ['screen-share-stopped', { producerId: undefined }, 'producerId is required'],
  ['screen-share-stopped', {}, 'Producer not found'],
  ['update-my-state', { isAudioMuted: 'yes' }, 'isAudioMuted must be true or false'],
  ['update-my-state', { isVideoPaused: 1 }, 'isVideoPaused must be true or false'],
  ['get-stats', { transportId: undefined }, 'one of transportId, producerId and consumerId is required'],
  ['get-stats', { producerId: 'two' }, 'one of transportId, producerId and consumerId is required'],
  ['get-stats', {}, 'Transport not found'],
  ['get-stats', { transportId: undefined, producerId: 'none' }, 'Producer not found'],
  ['get-stats', { transportId: undefined, consumerId: 'none' }, 'Consumer not found'],
  ['set-preferred-layers', { spatialLayer: undefined }, 'spatialLayer is required'],
  ['set-preferred-layers', { spatialLayer: -1 }, 'spatialLayer must be a number from 0 to 255'],
  ['set-preferred-layers', { temporalLayer: 'high' }, 'temporalLayer must be a number from 0 to 255'],
  ['set-preferred-layers', {}, 'Consumer not found'],
  ['request-keyframe', {}, 'Consumer not found'],
];

const node = useNode();

describe('refused', () => {
  let stranger, asker, joined, room;
  before(async () => {
    room = freshRoom();
    joined = await Peer.join(node.url, room);
    stranger = await Client.connect(node.url);
    asker = await Client.connect(node.url);
    await asker.do('get-rtp-capabilities', { roomId: room });
  });
  after(() => [joined, stranger, asker].forEach((client) => client.close()));

  for (const [name, data] of Object.entries(ROOM_REQUESTS)) {
    test(`${name}: to a room that one is not in`, async () => {
      await stranger.refused('Peer not found', name, { roomId: room, ...data });
      await stranger.refused('Room not found', name, { roomId: 'no such room', ...data });
      await joined.refused('Room not found', name, { roomId: 'another room', ...data });
      await asker.refused('Peer not found', name, { roomId: room, ...data });
    });
  }
  test('leave: a room that one is not in', async () => {
    await joined.refused('Room not found', 'leave', { roomId: 'another room' });
    await stranger.do('leave', { roomId: room });
    await stranger.do('leave');
  });
  for (const [name, data] of Object.entries(NAMED_ROOM)) {
    test(`${name}: a wrong roomId`, async () => {
      for (const [roomId, words] of WRONG_ROOMS) await joined.refused(words, name, { ...data, roomId });
    });
  }
  for (const name of Object.keys(OBJECTS)) {
    test(`${name}: no object`, async () => {
      for (const data of ['text', 7, true, ['a']]) await joined.refused('data must be an object', name, data);
    });
  }
  for (const [name, fields, words] of WRONG_FIELDS) {
    test(`${name}: ${JSON.stringify(fields).slice(0, 60)}: ${words}`, async () => {
      await joined.refused(words, name, { roomId: room, ...NAMED_ROOM[name], ...fields });
    });
  }
  test('a refused request changes nothing', async () => {
    joined.forget();
    await joined.settle();
    assert.deepEqual(joined.log, []);
  });
});

describe('rooms and joins', () => {
  test('capabilities are the same for every room, and no request makes a room', async () => {
    const client = await Client.connect(node.url);
    const one = await client.do('get-rtp-capabilities', { roomId: freshRoom() });
    const other = await client.do('get-rtp-capabilities', { roomId: freshRoom(), device: { junk: [1] } });
    assert.deepEqual(one, other);
    const mimeTypes = new Set(one.rtpCapabilities.codecs.map(({ mimeType }) => mimeType.toLowerCase()));
    for (const name of ['audio/opus', 'video/vp8', 'video/vp9', 'video/h264', 'video/av1', 'video/rtx']) assert.ok(mimeTypes.has(name), name);
    client.close();
  });
  test('a room that nobody asked for is not found; one that exists is', async () => {
    const [room, client] = [freshRoom(), await Client.connect(node.url)];
    await client.refused('Room not found', 'join-mediasoup-room', { roomId: room, rtpCapabilities: {} });
    const host = await Peer.join(node.url, room);
    assert.deepEqual(await client.do('join-mediasoup-room', { roomId: room, rtpCapabilities: {} }), { existingProducers: [] });
    [host, client].forEach((one) => one.close());
  });
  test('who asks for capabilities makes the room, for everybody', async () => {
    const [room, asker, other] = [freshRoom(), await Client.connect(node.url), await Client.connect(node.url)];
    await other.refused('Room not found', 'join-mediasoup-room', { roomId: room });
    await asker.do('get-rtp-capabilities', { roomId: room });
    asker.close();
    await other.do('join-mediasoup-room', { roomId: room });
    other.close();
  });
  test('answers have more fields for clients that say who they are, and no others', async () => {
    const room = freshRoom();
    const rows = [
      [{}, { existingProducers: [] }],
      [{ userId: 'user_1' }, { existingProducers: [], success: true, isHost: false, isCoHost: false }],
      [{ userName: 'Ada' }, { existingProducers: [], success: true, isHost: false, isCoHost: false }],
      [{ isCreator: false }, { existingProducers: [], success: true, isHost: false, isCoHost: false }],
      [{ isCreator: true }, { existingProducers: [], success: true, isHost: false, isCoHost: false }],
      [{ userId: null, userName: null, isCreator: null, userImageUrl: null, extensions: null }, { existingProducers: [] }],
      [{ extensions: [] }, { existingProducers: [] }],
      [{ userId: '' }, { existingProducers: [] }],
    ];
    const host = await Peer.join(node.url, room, { isCreator: true });
    assert.deepEqual(host.joined, { existingProducers: [], success: true, isHost: true, isCoHost: false });
    const peers = [host];
    for (const [extra, answer] of rows) {
      const peer = await Peer.join(node.url, room, extra);
      assert.deepEqual(peer.joined, answer, JSON.stringify(extra));
      peers.push(peer);
    }
    peers.forEach((peer) => peer.close());
  });
  test('a second join of the same room says so and changes nothing', async () => {
    const room = freshRoom();
    const [ada, bob] = await Peer.gather(node.url, room, 2);
    const producer = await ada.produce('audio');
    await Promise.all([ada.settle(), bob.settle()]);
    [ada, bob].forEach((peer) => peer.forget());
    const again = await bob.do('join-mediasoup-room', { roomId: room, rtpCapabilities: bob.capabilities });
    assert.deepEqual(again, { existingProducers: [producer], alreadyJoined: true });
    assert.deepEqual(bob.names(), ['participant-list-update', 'answer to join-mediasoup-room']);
    assert.equal(bob.heard('participant-list-update')[0].length, 2);
    await ada.settle();
    assert.deepEqual(ada.log, []);
    [ada, bob].forEach((peer) => peer.close());
  });
  test('a join of another room leaves the first', async () => {
    const [first, second] = [freshRoom(), freshRoom()];
    const [stays, goes] = await Peer.gather(node.url, first, 2);
    await goes.produce('audio');
    await stays.settle();
    stays.forget();
    await goes.enter(second);
    await stays.hears('participant-list-update');
    assert.deepEqual(stays.names(), ['producer-closed', 'participant-left', 'participant-list-update']);
    await goes.refused('Peer not found', 'update-my-state', { roomId: first });
    assert.deepEqual(goes.heard('participant-list-update').at(-1).map(({ id }) => id), [goes.id]);
    [stays, goes].forEach((peer) => peer.close());
  });
  test('leave: the socket stays and may join again', async () => {
    const room = freshRoom();
    const [stays, goes] = await Peer.gather(node.url, room, 2);
    stays.forget();
    await goes.do('leave', { roomId: room });
    await stays.hears('participant-list-update', (list) => list.length === 1);
    assert.deepEqual(stays.log, [
      ['participant-left', { peerId: goes.id, userId: goes.id }],
      ['participant-list-update', stays.heard('participant-list-update')[0]],
    ]);
    await goes.refused('Peer not found', 'create-webrtc-transport', { roomId: room, direction: 'send' });
    assert.deepEqual(await goes.enter(room), { existingProducers: [] });
    await stays.hears('participant-list-update', (list) => list.length === 2);
    [stays, goes].forEach((peer) => peer.close());
  });
  test('a room is gone with its last peer', async () => {
    const room = freshRoom();
    const [ada, bob] = [await Peer.join(node.url, room), await Client.connect(node.url)];
    await ada.do('leave', {});
    await bob.refused('Room not found', 'join-mediasoup-room', { roomId: room, rtpCapabilities: {} });
    [ada, bob].forEach((peer) => peer.close());
  });
});

describe('media', () => {
  let ada, bob, room;
  before(async () => {
    room = freshRoom();
    [ada, bob] = await Peer.gather(node.url, room, 2);
  });
  after(() => [ada, bob].forEach((peer) => peer.close()));

  test('produce and consume need their transports', async () => {
    const producer = { roomId: room, kind: 'audio', rtpParameters: opus() };
    await ada.refused('Send transport not found', 'produce', producer);
    await ada.refused('Receive transport not found', 'consume', { roomId: room, producerId: 'none', rtpCapabilities: {} });
    ada.receiving = await ada.transport('recv');
    await ada.refused('Send transport not found', 'produce', { ...producer, transportId: ada.receiving.id });
  });
  test('connect-transport: once, the same again, not another', async () => {
    for (const direction of ['send', 'recv']) {
      const { id } = await bob.transport(direction);
      const data = { roomId: room, transportId: id, dtlsParameters: dtlsParameters() };
      await bob.do('connect-transport', data);
      await bob.do('connect-transport', data);
      const other = await bob.ask('connect-transport', { ...data, dtlsParameters: dtlsParameters() });
      assert.ok(other.error, 'other parameters');
      await ada.refused('Transport not found', 'connect-transport', data);
    }
  });
  test('transports of one direction live side by side, each with its own parameters', async () => {
    const [first, second] = await Promise.all([bob.transport('send'), bob.transport('send')]);
    assert.notEqual(first.id, second.id);
    assert.notEqual(first.iceParameters.usernameFragment, second.iceParameters.usernameFragment);
    assert.deepEqual(first.dtlsParameters.role, 'auto');
    for (const { id } of [first, second]) {
      await bob.do('connect-transport', { roomId: room, transportId: id, dtlsParameters: dtlsParameters() });
    }
  });
  test('candidates: UDP and TCP on one port of the range, UDP first', async () => {
    const { iceCandidates } = await bob.transport('recv');
    assert.deepEqual(new Set(iceCandidates.map(({ protocol }) => protocol)), new Set(['udp', 'tcp']));
    assert.equal(new Set(iceCandidates.map(({ port }) => port)).size, 1);
    const best = iceCandidates.reduce((one, other) => (other.priority > one.priority ? other : one));
    assert.equal(best.protocol, 'udp');
  });
  test('new-producer says who sends what', async () => {
    const rows = [
      ['audio', opus({ mid: '10' }), undefined, false],
      ['video', vp8({ mid: '11' }), {}, false],
      ['video', simulcast({ mid: '12' }), { share: false }, false],
      ['video', vp8({ mid: '13' }), { share: true, label: 'screen' }, true],
      ['audio', opus({ mid: '14' }), { share: true }, true],
      ['video', vp8({ mid: '15' }), { share: 'true' }, false],
      ['video', vp8({ mid: '16' }), null, false],
    ];
    for (const [kind, rtpParameters, appData, isScreenShare] of rows) {
      const producerId = await ada.produce(kind, rtpParameters, { appData });
      const told = await bob.hears('new-producer', (event) => event.producerId === producerId);
      assert.deepEqual(told, { producerId, peerId: ada.id, userId: ada.id, kind, isScreenShare });
      const consumed = await bob.consume(producerId);
      assert.deepEqual(consumed.appData, appData ?? {});
      assert.deepEqual(
        [consumed.producerId, consumed.kind, consumed.peerId, consumed.userId, consumed.producerSocketId, consumed.isScreenShare],
        [producerId, kind, ada.id, ada.id, ada.id, isScreenShare],
      );
      assert.equal(consumed.type, 'scalabilityMode' in rtpParameters.encodings[0] ? 'simulcast' : 'simple');
      assert.equal(consumed.producerPaused, false);
    }
  });
  test('produce without transportId, or with one that is unknown, takes the send transport', async () => {
    const none = await ada.do('produce', { roomId: room, kind: 'audio', rtpParameters: opus({ mid: '20' }) });
    const unknown = { roomId: room, transportId: 'from an older server', kind: 'audio', rtpParameters: opus({ mid: '21' }) };
    assert.notEqual((await ada.do('produce', unknown)).id, none.id);
  });
  test('a repeated produce is the same producer; the same mid with other parameters replaces it', async () => {
    const parameters = vp8({ mid: '30' });
    const first = await ada.produce('video', parameters);
    assert.equal(await ada.produce('video', parameters), first);
    const second = await ada.produce('video', vp8({ mid: '30' }));
    assert.notEqual(second, first);
    const closed = await bob.hears('producer-closed', ({ producerId }) => producerId === first);
    assert.equal(closed.reason, 'replaced');
  });
  test('every consume makes a new consumer with its own mid', async () => {
    const producer = await ada.produce('audio', opus({ mid: '40' }));
    const two = await Promise.all([bob.consume(producer), bob.consume(producer)]);
    assert.notEqual(two[0].id, two[1].id);
    assert.notEqual(two[0].rtpParameters.mid, two[1].rtpParameters.mid);
  });
  test('consume is refused: own, unknown, and what cannot be received', async () => {
    const producer = await ada.produce('video', vp8({ mid: '50' }));
    const consume = (peer, producerId, rtpCapabilities) => ['consume', { roomId: room, producerId, rtpCapabilities }];
    await ada.refused('Producer not found', ...consume(ada, producer, ada.capabilities));
    await bob.refused('Producer not found', ...consume(bob, 'unknown', bob.capabilities));
    const audio = { codecs: bob.capabilities.codecs.filter(({ kind }) => kind === 'audio'), headerExtensions: [] };
    await bob.refused('Cannot consume', ...consume(bob, producer, audio));
    await bob.refused('Cannot consume', ...consume(bob, producer, { codecs: [], headerExtensions: [] }));
    const { rtpParameters } = await bob.do(...consume(bob, producer, undefined));
    assert.equal(rtpParameters.codecs[0].mimeType, 'video/VP8', 'the capabilities of the join hold');
  });
  test('resume, layers, key frame and statistics of one consumer', async () => {
    const producerId = await ada.produce('video', simulcast({ mid: '60' }));
    const { id: consumerId } = await bob.consume(producerId);
    for (const name of ['resume-consumer', 'resume-consumer', 'request-keyframe']) await bob.do(name, { roomId: room, consumerId });
    await bob.do('set-preferred-layers', { roomId: room, consumerId, spatialLayer: 1 });
    await bob.do('set-preferred-layers', { roomId: room, consumerId, spatialLayer: 2, temporalLayer: 0 });
    await ada.refused('Consumer not found', 'resume-consumer', { roomId: room, consumerId });
    for (const [peer, object] of [
      [bob, { transportId: bob.receiving.id }],
      [ada, { transportId: ada.sending.id }],
      [bob, { consumerId }],
    ]) {
      const { stats } = await peer.do('get-stats', { roomId: room, ...object });
      assert.ok(stats.every(({ type }) => typeof type === 'string'), JSON.stringify(object));
    }
    await bob.refused('Producer not found', 'get-stats', { roomId: room, producerId });
  });
  test('close-producer and screen-share-stopped tell everybody before the answer', async () => {
    for (const [mid, name, extra, isScreenShare] of [
      ['70', 'close-producer', {}, false],
      ['71', 'screen-share-stopped', { userId: ada.id }, true],
    ]) {
      const producerId = await ada.produce('video', vp8({ mid }), { appData: { share: isScreenShare } });
      await bob.refused('Producer not found', name, { roomId: room, producerId });
      [ada, bob].forEach((peer) => peer.forget());
      await ada.do(name, { roomId: room, producerId, ...extra });
      const told = { producerId, peerId: ada.id, userId: ada.id, kind: 'video', isScreenShare };
      assert.deepEqual(ada.log, [['producer-closed', told], [`answer to ${name}`, { success: true }]]);
      assert.deepEqual(await bob.hears('producer-closed'), told);
      await ada.refused('Producer not found', name, { roomId: room, producerId });
      await bob.refused('Producer not found', 'consume', { roomId: room, producerId, rtpCapabilities: bob.capabilities });
    }
  });
});

describe('small requests', () => {
  test('update-my-state tells others and stays in the list', async () => {
    const room = freshRoom();
    const [ada, bob] = await Peer.gather(node.url, room, 2);
    for (const state of [{ isAudioMuted: true }, { isVideoPaused: true }, { isAudioMuted: false, isVideoPaused: true }]) {
      ada.forget();
      bob.forget();
      await ada.do('update-my-state', { roomId: room, userId: ada.id, ...state });
      assert.deepEqual(await bob.hears('participant-state-changed'), { userId: ada.id, ...state });
      await ada.settle();
      assert.deepEqual(ada.heard('participant-state-changed'), [], 'not to the sender');
    }
    const late = await Peer.join(node.url, room);
    const { isAudioMuted, isVideoPaused } = late.heard('participant-list-update')[0].find(({ id }) => id === ada.id);
    assert.deepEqual([isAudioMuted, isVideoPaused], [false, true]);
    [ada, bob, late].forEach((peer) => peer.close());
  });
  test('screen-share-started is nothing, with or without a room', async () => {
    const client = await Client.connect(node.url);
    for (const data of [{ roomId: 'none', userId: 'a', producerId: 'b' }, {}, 7]) await client.do('screen-share-started', data);
    client.close();
  });
  test('recording is not enabled', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    for (const name of ['start-recording', 'stop-recording']) {
      for (const roomId of [peer.room, 'none', undefined]) await peer.refused('Recording is not enabled', name, { roomId });
    }
    peer.close();
  });
  test('events of other servers and later versions are not supported', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    const names = ['resume-session', 'pin-participant', 'send-message', 'join-room', 'make-host', 'toggle-remote-audio', 'consumer-resume'];
    for (const name of [...names, 'getRouterRtpCapabilities', 'createWebRtcTransport', 'no-such-event', 'constructor', 'ünknown']) {
      await peer.refused(`Event not supported: ${name}`, name, { roomId: peer.room });
      await peer.refused(`Event not supported: ${name}`, name);
    }
    await peer.refused(`Event not supported: ${'e'.repeat(64)}`, 'e'.repeat(500));
    peer.close();
  });
  test('unknown fields and further arguments are ignored', async () => {
    const peer = await Peer.join(node.url, freshRoom(), { device: { _handler: { junk: [null, 1, {}] } }, __proto__: null, constructor: 1 });
    await peer.do('create-webrtc-transport', { roomId: peer.room, direction: 'send', forceTcp: 'junk', sctpCapabilities: [1] });
    await peer.do('create-webrtc-transport', { roomId: peer.room, direction: 'send' }, 'second', { third: 3 });
    peer.close();
  });
});
