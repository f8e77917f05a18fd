// Every bound that an operator may set, set low: what is said at it, that it is counted, and that what is given back can be used again.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { servesNormally, useNode, withNode } from './lib/node.mjs';
import { Peer, freshRoom, opus } from './lib/peer.mjs';
import { RawSocket } from './lib/raw.mjs';

const limits = (rows) => ({ 'ringcast.toml': `[limits]\n${Object.entries(rows).map(([name, value]) => `${name} = ${value}\n`).join('')}` });
const metric = async (node, start) => {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${start} `))?.split(' ').at(-1) ?? 0);
};

/** What is closed gives its place back a moment later: tries until then. */
async function again(work, patience = 3_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('rate', () => {
  const node = useNode();

  test('a burst of 1,000 passes, more is too many; after a pause it goes on', async () => {
    const client = await Client.connect(node.url);
    const answers = await Promise.all(Array.from({ length: 1_200 }, () => client.ask('screen-share-started', {})));
    const refused = answers.filter(({ error }) => error);
    assert.ok(answers.slice(0, 1_000).every(({ error }) => !error), 'the burst');
    assert.ok(refused.length > 50, `${refused.length} refused`);
    assert.deepEqual(new Set(refused.map(({ error }) => error)), new Set(['Too many requests']));
    assert.equal(await metric(node, 'ringcast_requests_total{dialect="rooms",name="screen-share-started",result="limited"}'), refused.length);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await client.do('screen-share-started', {});
    client.close();
    await servesNormally(node);
  });
  test('a joiner of 100 peers may send 400 requests at once', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    const answers = await Promise.all(Array.from({ length: 400 }, () => peer.ask('resume-consumer', { roomId: peer.room, consumerId: 'none' })));
    assert.deepEqual(new Set(answers.map(({ error }) => error)), new Set(['Consumer not found']));
    peer.close();
  });
  test('the rate of one socket is not the rate of another', async () => {
    const [loud, calm] = [await RawSocket.connect(node.url), await Client.connect(node.url)];
    for (let index = 0; index < 1_500; index += 1) loud.event(['screen-share-started', {}]);
    for (let index = 0; index < 100; index += 1) await calm.do('screen-share-started', {});
    loud.close();
    calm.close();
  });
  test('1,000 refused in a row close the socket, also of one that never pauses', async () => {
    const limited = 'ringcast_requests_total{dialect="rooms",name="get-stats",result="limited"}';
    const client = await Client.connect(node.url);
    for (let index = 0; index < 4_000; index += 1) client.tell('get-stats', {});
    await client.closed();
    assert.equal(await metric(node, limited), 1_000);
    await servesNormally(node);
  });
});

test('refusals in a row: counted up to the configured number, and all is said before the end', () =>
  withNode({ files: limits({ requests_per_second: 1, request_burst: 5, refused_requests_in_a_row: 10 }) }, async (node) => {
    for (const transports of [['websocket'], ['polling']]) {
      const client = await Client.connect(node.url, { transports });
      const answers = [];
      for (let index = 0; index < 15; index += 1) client.socket.emit('screen-share-started', {}, (answer) => answers.push(answer));
      assert.equal(await client.closed(), 'io server disconnect');
      assert.deepEqual(answers, [...Array(5).fill({}), ...Array(10).fill({ error: 'Too many requests' })]);
    }
  }));

describe('a room and its peers', () => {
  const node = useNode({
    files: limits({ peers_per_room: 3, rooms_per_node: 4, transports_per_peer: 3, producers_per_peer: 2, consumers_per_peer: 2 }),
  });

  test('peers_per_room: Room is full, until one leaves', async () => {
    const room = freshRoom();
    const peers = await Peer.gather(node.url, room, 3);
    const late = await Client.connect(node.url);
    const join = ['join-mediasoup-room', { roomId: room, rtpCapabilities: {} }];
    await late.refused('Room is full', ...join);
    await late.refused('Room is full', ...join);
    assert.deepEqual(late.heard('participant-list-update'), []);
    for (const peer of peers) {
      await peer.settle();
      assert.deepEqual(peer.log, [], 'nobody is told');
    }
    await peers[0].do('join-mediasoup-room', { roomId: room, rtpCapabilities: {} });
    await peers[1].do('leave', { roomId: room });
    await late.do(...join);
    assert.equal(late.heard('participant-list-update')[0].length, 3);
    assert.ok((await metric(node, 'ringcast_limits_hit_total{limit="peers_per_room"}')) >= 2, 'is counted');
    [...peers, late].forEach((peer) => peer.close());
  });
  test('transports_per_peer', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    for (const direction of ['send', 'recv', 'send']) await peer.transport(direction);
    await peer.refused('Limit reached: transports_per_peer (3)', 'create-webrtc-transport', { roomId: peer.room, direction: 'recv' });
    await peer.do('leave', {});
    await peer.enter(freshRoom());
    await peer.transport('send');
    assert.ok((await metric(node, 'ringcast_limits_hit_total{limit="transports_per_peer"}')) >= 1, 'is counted');
    peer.close();
  });
  test('transports_per_peer: also when all are asked for at once', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    const asked = { roomId: peer.room, direction: 'send' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => peer.ask('create-webrtc-transport', asked)));
    assert.equal(answers.filter(({ params }) => params).length, 3);
    peer.close();
  });
  test('producers_per_peer and consumers_per_peer', async () => {
    const [ada, bob] = await Peer.gather(node.url, freshRoom(), 2);
    const producers = [await ada.produce('audio', opus({ mid: '0' })), await ada.produce('audio', opus({ mid: '1' }))];
    const third = { roomId: ada.room, kind: 'audio', rtpParameters: opus({ mid: '2' }) };
    await ada.refused('Limit reached: producers_per_peer (2)', 'produce', third);
    for (const producer of producers) await bob.consume(producer);
    const more = { roomId: ada.room, producerId: producers[0], rtpCapabilities: bob.capabilities };
    await bob.refused('Limit reached: consumers_per_peer (2)', 'consume', more);
    await ada.do('close-producer', { roomId: ada.room, producerId: producers[0] });
    await ada.do('produce', third);
    await bob.do('consume', { ...more, producerId: producers[1] });
    [ada, bob].forEach((peer) => peer.close());
  });
  test('rooms_per_node: Cluster is full, until a room is gone', async () => {
    const peers = [];
    for (let index = 0; index < 4; index += 1) peers.push(await again(() => Peer.join(node.url, freshRoom())));
    const late = await Client.connect(node.url);
    const roomId = freshRoom();
    await late.do('get-rtp-capabilities', { roomId });
    await late.refused('Cluster is full', 'join-mediasoup-room', { roomId });
    const guest = await Peer.join(node.url, peers[0].room);
    await peers[1].do('leave', {});
    await again(() => late.do('join-mediasoup-room', { roomId }));
    assert.ok((await metric(node, 'ringcast_limits_hit_total{limit="rooms_per_node"}')) >= 1, 'is counted');
    [...peers, late, guest].forEach((peer) => peer.close());
  });
});

describe('sockets', () => {
  const node = useNode({
    env: { TRUSTED_PROXIES: '127.0.0.1' },
    files: limits({ sockets_per_address: 3, sockets_per_node: 12 }),
  });
  const handshakesFrom = { headers: { 'X-Forwarded-For': '203.0.113.9' } };
  const from = (address) => ({ extraHeaders: { 'X-Forwarded-For': address } });

  for (const transport of ['websocket', 'polling']) {
    test(`${transport}: an address has its number, and gets a place back`, async () => {
      const options = { ...from('203.0.113.5'), transports: [transport] };
      const sockets = [];
      for (let index = 0; index < 3; index += 1) sockets.push(await Client.connect(node.url, options));
      await assert.rejects(Client.connect(node.url, options), { message: 'Too many connections from this address' });
      await Client.connect(node.url, { ...from('203.0.113.6'), transports: [transport] }).then((other) => other.close());
      await Client.connect(node.url, { transports: [transport] }).then((other) => other.close());
      sockets[0].close();
      await again(() => Client.connect(node.url, options)).then((socket) => sockets.push(socket));
      sockets.forEach((socket) => socket.close());
    });
  }
  test('only the address that the proxy added counts, and a /64 of IPv6 is one address', async () => {
    const sockets = [];
    for (const address of ['6.6.6.1, 203.0.113.9', '6.6.6.2, 203.0.113.9', '6.6.6.3, 203.0.113.9']) sockets.push(await Client.connect(node.url, from(address)));
    await assert.rejects(Client.connect(node.url, from('6.6.6.4, 203.0.113.9')), { message: 'Too many connections from this address' });
    for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8::ffff:1:2:3']) sockets.push(await Client.connect(node.url, from(address)));
    await assert.rejects(Client.connect(node.url, from('2001:db8::9')), { message: 'Too many connections from this address' });
    sockets.push(await Client.connect(node.url, from('2001:db8:0:1::9')));
    sockets.forEach((socket) => socket.close());
  });
  test('a node has its number', async () => {
    const sockets = [];
    for (let index = 0; index < 12; index += 1) sockets.push(await again(() => Client.connect(node.url)));
    await assert.rejects(Client.connect(node.url), { message: 'Too many connections' });
    sockets.forEach((socket) => socket.close());
    await again(() => servesNormally(node));
    assert.ok((await metric(node, 'ringcast_limits_hit_total{limit="sockets"}')) >= 4, 'is counted');
  });
  test('connections that never become sessions are bounded too, and take no place of those that do', async () => {
    const raws = [];
    for (let index = 0; index < 6; index += 1) raws.push(await RawSocket.open(node.url, handshakesFrom));
    const refused = await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, handshakesFrom);
    assert.equal(refused.status, 429);
    assert.equal(await refused.text(), 'Too many connections from this address');
    await servesNormally(node);
    raws.forEach((raw) => raw.close());
    // The engine forgets a connection that never became a session when its time for that is over.
    const handshake = async () => assert.equal((await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, handshakesFrom)).status, 200);
    await again(handshake, 15_000);
    assert.ok((await metric(node, 'ringcast_limits_hit_total{limit="handshakes"}')) >= 1, 'is counted');
  });
});

test('AUTO_ROOMS=false: no join makes a room', () =>
  withNode({ env: { AUTO_ROOMS: 'false' } }, async (node) => {
    const client = await Client.connect(node.url);
    const roomId = freshRoom();
    await client.do('get-rtp-capabilities', { roomId });
    await client.refused('Room not found', 'join-mediasoup-room', { roomId, rtpCapabilities: {} });
  }));
