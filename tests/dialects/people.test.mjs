// Who is who and in which order everybody is told: public ids, names, hosts, joins, producers, leaves, extensions.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { useNode } from './lib/node.mjs';
import { Peer, freshRoom, opus, vp8 } from './lib/peer.mjs';

const node = useNode({ env: { NODE_ID: 'test-node' } });

const ids = (list) => list.map(({ id }) => id);
const roster = (peer) => peer.heard('participant-list-update').at(-1);
const close = (...peers) => peers.forEach((peer) => peer.close());

describe('public ids', () => {
  test('without a userId it is the socket id, in every field of every event', async () => {
    const [ada, bob] = await Peer.gather(node.url, freshRoom(), 2);
    assert.deepEqual(ids(await again(ada)), [ada.id, bob.id]);
    await everywhere(ada, bob, bob.id);
    close(ada, bob);
  });
  test('with a userId it is the userId, in every field of every event', async () => {
    const [ada, bob] = await Peer.gather(node.url, freshRoom(), 2, [{ userId: 'user_ada' }, { userId: 'user_bob' }]);
    assert.deepEqual(ids(await again(ada)), ['user_ada', 'user_bob']);
    await everywhere(ada, bob, 'user_bob');
    close(ada, bob);
  });
  test('set-user-id holds for later joins, and a userId of the join is stronger', async () => {
    const room = freshRoom();
    const [ada, bob] = [await Peer.connect(node.url), await Peer.connect(node.url)];
    for (const peer of [ada, bob]) await peer.do('set-user-id', 'user_early');
    assert.deepEqual(await ada.enter(room), { existingProducers: [] }, 'set-user-id alone adds no fields');
    await bob.enter(room, { userId: 'user_late' });
    assert.deepEqual(ids(roster(bob)), ['user_early', 'user_late']);
    close(ada, bob);
  });
  test('set-user-id: what it refuses, and that an empty one takes it back', async () => {
    const peer = await Peer.connect(node.url);
    for (const wrong of [7, {}, [], null, true]) await peer.refused('userId must be a string', 'set-user-id', wrong);
    await peer.refused('userId must be a string', 'set-user-id');
    await peer.refused('userId is longer than 256 bytes', 'set-user-id', 'u'.repeat(257));
    await peer.do('set-user-id', 'user_x');
    await peer.do('set-user-id', '');
    await peer.enter(freshRoom());
    assert.deepEqual(ids(roster(peer)), [peer.id]);
    close(peer);
  });
  test('a second live session with the same userId is called by its socket id', async () => {
    const room = freshRoom();
    const [first, second] = await Peer.gather(node.url, room, 2, [{ userId: 'user_1' }, { userId: 'user_1' }]);
    assert.deepEqual(ids(await again(first)), ['user_1', second.id]);
    await everywhere(first, second, second.id);
    first.close();
    await second.hears('participant-left', ({ peerId }) => peerId === 'user_1');
    const third = await Peer.join(node.url, room, { userId: 'user_1' });
    assert.deepEqual(ids(roster(third)), [second.id, 'user_1'], 'free again');
    close(second, third);
  });
  test('the same userId in two rooms is two peers', async () => {
    const one = await Peer.join(node.url, freshRoom(), { userId: 'user_1' });
    const other = await Peer.join(node.url, freshRoom(), { userId: 'user_1' });
    assert.deepEqual([ids(roster(one)), ids(roster(other))], [['user_1'], ['user_1']]);
    close(one, other);
  });
  test('get-socket-id-for-user finds peers of the own room only', async () => {
    const room = freshRoom();
    const [ada, bob] = await Peer.gather(node.url, room, 2, [{ userId: 'user_ada' }]);
    const elsewhere = await Client.connect(node.url);
    const rows = [
      [bob, 'user_ada', ada.id],
      [ada, 'user_ada', ada.id],
      [ada, bob.id, bob.id],
      [ada, 'user_nobody', null],
      [elsewhere, 'user_ada', null],
    ];
    for (const [asker, userId, socketId] of rows) assert.deepEqual(await asker.do('get-socket-id-for-user', { userId }), { socketId });
    for (const userId of [undefined, null, '']) await ada.refused('userId is required', 'get-socket-id-for-user', { userId });
    await ada.refused('userId must be a string', 'get-socket-id-for-user', { userId: 7 });
    close(ada, bob, elsewhere);
  });

  /** The newest list, as a second join of the same room gives it. */
  async function again(peer) {
    await peer.do('join-mediasoup-room', { roomId: peer.room });
    return roster(peer);
  }

  /** Lets `actor` do what others are told of, and looks at every id in what `listener` hears. */
  async function everywhere(listener, actor, publicId) {
    listener.forget();
    const producer = await actor.produce('audio');
    await actor.do('update-my-state', { roomId: actor.room, isAudioMuted: true });
    const consumed = await listener.consume(producer);
    assert.deepEqual([consumed.peerId, consumed.userId, consumed.producerSocketId], [publicId, publicId, actor.id]);
    await actor.do('close-producer', { roomId: actor.room, producerId: producer });
    await actor.do('leave', { roomId: actor.room });
    await actor.enter(actor.room, publicId === actor.id ? {} : { userId: publicId });
    await listener.settle();
    const told = Object.fromEntries(listener.log.filter(([name]) => !name.startsWith('answer')));
    assert.deepEqual([told['new-producer'].peerId, told['new-producer'].userId], [publicId, publicId]);
    assert.equal(told['participant-state-changed'].userId, publicId);
    assert.deepEqual([told['producer-closed'].peerId, told['producer-closed'].userId], [publicId, publicId]);
    assert.deepEqual(told['participant-left'], { peerId: publicId, userId: publicId });
    assert.equal(told['new-peer-joined'].peerId, publicId);
    assert.ok(ids(told['participant-list-update']).includes(publicId));
    delete actor.sending;
  }
});

describe('names and hosts', () => {
  test('names, pictures and their defaults, the same in every list', async () => {
    const room = freshRoom();
    const rows = [
      [{}, (peer) => `User ${peer.id.slice(0, 4)}`, null],
      [{ userName: 'Ada Lovelace' }, () => 'Ada Lovelace', null],
      [{ userName: '', userImageUrl: '' }, (peer) => `User ${peer.id.slice(0, 4)}`, null],
      [{ userName: 'مرحبا 👋' }, () => 'مرحبا 👋', null],
      [{ userName: '👋'.repeat(100), userImageUrl: 'https://example.com/a.png' }, () => '👋'.repeat(64), 'https://example.com/a.png'],
      [{ userName: '"\\\u0000<b>', userImageUrl: 'x'.repeat(2_049) }, () => '"\\\u0000<b>', null],
    ];
    const peers = [];
    for (const [extra] of rows) peers.push(await Peer.join(node.url, room, extra));
    const expected = peers.map((peer, index) => ({ id: peer.id, name: rows[index][1](peer), imageUrl: rows[index][2] }));
    for (const peer of peers) {
      const list = await peer.hears('participant-list-update', (list) => list.length === rows.length);
      assert.deepEqual(list.map(({ id, name, imageUrl }) => ({ id, name, imageUrl })), expected);
    }
    const joined = peers[0].heard('new-peer-joined').map(({ peerId, ...rest }) => ({ id: peerId, ...rest }));
    assert.deepEqual(joined, expected.slice(1));
    close(...peers);
  });
  test('the first is host; isCreator counts only without a live host', async () => {
    const room = freshRoom();
    const peers = [];
    for (const isCreator of [false, true, true]) peers.push(await Peer.join(node.url, room, { isCreator }));
    assert.deepEqual(peers.map(({ joined }) => joined.isHost), [true, false, false]);
    assert.deepEqual(roster(peers[2]).map(({ isHost, isCoHost }) => [isHost, isCoHost]), [[true, false], [false, false], [false, false]]);
    await peers[0].do('leave', {});
    const creator = await Peer.join(node.url, room, { isCreator: true });
    const hosts = roster(creator).filter(({ isHost }) => isHost);
    assert.equal(hosts.length, 1, 'one host after the host left and a creator came');
    close(...peers, creator);
  });
});

describe('order', () => {
  test('a join: others hear of the peer, everybody gets the list, and then the joiner its answer', async () => {
    const room = freshRoom();
    const first = await Peer.join(node.url, room);
    assert.deepEqual(first.names().slice(-2), ['participant-list-update', 'answer to join-mediasoup-room']);
    first.forget();
    const second = await Peer.join(node.url, room);
    await first.settle();
    assert.deepEqual(first.names(), ['new-peer-joined', 'participant-list-update']);
    assert.deepEqual(second.names(), ['answer to get-rtp-capabilities', 'participant-list-update', 'answer to join-mediasoup-room']);
    assert.deepEqual(roster(first), roster(second));
    close(first, second);
  });
  test('existingProducers: those of others, in the order they were made; nothing is told twice', async () => {
    const room = freshRoom();
    const [ada, bob] = await Peer.gather(node.url, room, 2);
    const made = [];
    for (const [peer, mid] of [[ada, '0'], [bob, '0'], [ada, '1'], [bob, '1']]) made.push(await peer.produce('audio', opus({ mid })));
    const late = await Peer.join(node.url, room);
    assert.deepEqual(late.joined.existingProducers, made);
    await late.settle();
    assert.deepEqual(late.heard('new-producer'), []);
    close(ada, bob, late);
  });
  test('a producer: others are told before its peer is answered, and the peer itself is not', async () => {
    const [ada, bob, eve] = await Peer.gather(node.url, freshRoom(), 3);
    const producerId = await ada.produce('video', vp8());
    await Promise.all([ada, bob, eve].map((peer) => peer.settle()));
    assert.deepEqual(ada.names(), ['answer to create-webrtc-transport', 'answer to produce']);
    for (const peer of [bob, eve]) {
      assert.deepEqual(peer.log, [['new-producer', { producerId, peerId: ada.id, userId: ada.id, kind: 'video', isScreenShare: false }]]);
    }
    close(ada, bob, eve);
  });
  for (const [way, goes] of [
    ['the socket is cut', (peer) => peer.socket.io.engine.close()],
    ['disconnect', (peer) => peer.socket.disconnect()],
    ['leave', (peer) => peer.tell('leave', { roomId: peer.room })],
  ]) {
    test(`${way}: each producer closed, then participant-left, then the list`, async () => {
      const [ada, bob, eve] = await Peer.gather(node.url, freshRoom(), 3);
      const [made, gone] = [[], ada.id];
      for (const [kind, parameters] of [['audio', opus()], ['video', vp8()], ['video', vp8({ mid: '2' })]]) made.push(await ada.produce(kind, parameters));
      await Promise.all([bob.settle(), eve.settle()]);
      [bob, eve].forEach((peer) => peer.forget());
      goes(ada);
      for (const peer of [bob, eve]) {
        await peer.hears('participant-list-update');
        assert.deepEqual(peer.names(), ['producer-closed', 'producer-closed', 'producer-closed', 'participant-left', 'participant-list-update']);
        assert.deepEqual(new Set(peer.heard('producer-closed').map(({ producerId }) => producerId)), new Set(made));
        assert.ok(peer.heard('producer-closed').every((closed) => !('reason' in closed) && closed.peerId === gone));
        assert.deepEqual(ids(roster(peer)), [bob.id, eve.id]);
      }
      close(bob, eve);
    });
  }
  test('requests without an acknowledgement are carried out in their order, in silence', async () => {
    const room = freshRoom();
    const [ada] = await Peer.gather(node.url, room, 1);
    const quiet = await Peer.connect(node.url);
    quiet.tell('get-rtp-capabilities', { roomId: room });
    quiet.tell('join-mediasoup-room', { roomId: room, rtpCapabilities: {} });
    quiet.tell('create-webrtc-transport', { roomId: room, direction: 'recv' });
    quiet.room = room;
    await quiet.transport('send');
    quiet.tell('produce', { roomId: room, kind: 'audio', rtpParameters: opus() });
    quiet.tell('resume-consumer', { roomId: room, consumerId: 'unknown' });
    quiet.tell('update-my-state', { roomId: room, isAudioMuted: true });
    await ada.hears('participant-state-changed');
    await ada.hears('new-producer', ({ peerId }) => peerId === quiet.id);
    await quiet.settle();
    assert.deepEqual(quiet.names(), ['participant-list-update', 'answer to create-webrtc-transport']);
    close(ada, quiet);
  });
});

describe('extensions', () => {
  test('the answer names those that are served, and who serves', async () => {
    const room = freshRoom();
    const rows = [
      [['resume', 'rebuild', 'speaker', 'quality', 'pin'], ['rebuild', 'speaker', 'quality']],
      [['speaker'], ['speaker']],
      [['pin', 'unknown', 7, null], []],
    ];
    const peers = [];
    for (const [extensions, served] of rows) {
      const peer = await Peer.join(node.url, room, { extensions });
      peers.push(peer);
      const servedBy = { edge: 'test-node', home: 'test-node' };
      const { extensions: told, servedBy: by, edges, ...rest } = peer.joined;
      assert.deepEqual(new Set(told), new Set(served));
      assert.deepEqual([by.edge, by.home, edges, rest], [servedBy.edge, servedBy.home, [], { existingProducers: [] }]);
    }
    close(...peers);
  });
  test('served-by comes once media has a seat, to those that gave a list, and to nobody else', async () => {
    const room = freshRoom();
    const [aware, plain] = await Peer.gather(node.url, room, 2, [{ extensions: ['any'] }, { userId: 'user_plain' }]);
    for (const peer of [aware, plain]) await peer.produce('audio');
    const told = await aware.hears('served-by');
    assert.deepEqual([told.edge, told.home, told.seat, Number.isInteger(told.worker)], ['test-node', 'test-node', 'test-node', true]);
    await plain.settle();
    assert.deepEqual(plain.heard('served-by'), []);
    close(aware, plain);
  });
});
