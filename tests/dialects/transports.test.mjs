// The ways to talk to the server: long-polling, WebSocket, the upgrade from one to the other; heartbeats; large answers; plain HTTP.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { servesNormally, useNode, withNode } from './lib/node.mjs';
import { endAll } from './lib/open.mjs';
import { Peer, freshRoom } from './lib/peer.mjs';
import { RawPolling, RawSocket } from './lib/raw.mjs';

const node = useNode({ env: { PING_INTERVAL: '1s', PING_TIMEOUT: '1s' } });

const close = (...peers) => peers.forEach((peer) => peer.close());
/** A call between two peers that connect in this way. */
async function call(options) {
  const room = freshRoom();
  const [ada, bob] = [await Peer.join(node.url, room, {}, options), await Peer.join(node.url, room, {}, options)];
  const producer = await ada.produce('audio');
  await bob.hears('new-producer', ({ producerId }) => producerId === producer);
  const { id } = await bob.consume(producer);
  await bob.do('resume-consumer', { roomId: room, consumerId: id });
  return [ada, bob];
}
const transportOf = (peer) => peer.socket.io.engine.transport.name;

describe('Socket.IO', () => {
  test('long-polling alone', async () => {
    const peers = await call({ transports: ['polling'] });
    assert.deepEqual(peers.map(transportOf), ['polling', 'polling']);
    close(...peers);
  });
  test('WebSocket alone', async () => {
    const peers = await call({ transports: ['websocket'] });
    assert.deepEqual(peers.map(transportOf), ['websocket', 'websocket']);
    close(...peers);
  });
  for (const [name, transports] of [['defaults', undefined], ['polling named first', ['polling', 'websocket']], ['WebSocket named first', ['websocket', 'polling']]]) {
    test(`upgrade: ${name}`, async () => {
      const peers = await call({ transports });
      const deadline = Date.now() + 5_000;
      while (peers.some((peer) => transportOf(peer) !== 'websocket') && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(peers.map(transportOf), ['websocket', 'websocket']);
      for (const peer of peers) await peer.settle();
      close(...peers);
    });
  }
  test('nothing is lost or reordered during the upgrade', async () => {
    const client = await Client.connect(node.url, { transports: ['polling', 'websocket'] });
    const order = [];
    const asked = Array.from({ length: 300 }, async (_, index) => {
      await client.ask('screen-share-started', {});
      order.push(index);
      if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    await Promise.all(asked);
    assert.deepEqual(order, Array.from({ length: 300 }, (_, index) => index));
    client.close();
  });
  test('an answer of more than 100 kB over long-polling', async () => {
    const room = freshRoom();
    // A control character is six bytes of JSON: each peer adds 12 kB to the list.
    const extra = { userImageUrl: '\u0001'.repeat(2_000), userName: '\u0002'.repeat(250) };
    const peers = await Peer.gather(node.url, room, 10, Array(10).fill(extra));
    const polling = await Peer.join(node.url, room, {}, { transports: ['polling'] });
    const [list] = polling.heard('participant-list-update');
    assert.ok(JSON.stringify(list).length > 100_000);
    assert.equal(list.length, 11);
    assert.ok(list.slice(0, 10).every(({ imageUrl, name }) => imageUrl === extra.userImageUrl && name === extra.userName));
    close(...peers, polling);
  });
  test('many answers in one poll, together more than 100 kB, in order', async () => {
    const raw = await RawPolling.connect(node.url);
    const packets = Array.from({ length: 40 }, (_, index) => `42${index}["get-rtp-capabilities",{"roomId":"r"}]`);
    assert.equal(await raw.post(...packets), 200);
    const [answers, sizes] = [[], []];
    while (answers.length < 40) {
      answers.push(...(await raw.get()));
      sizes.push(raw.body.length);
    }
    assert.deepEqual(answers.map((packet) => Number(/^43(\d+)\[/.exec(packet)[1])), Array.from({ length: 40 }, (_, index) => index));
    assert.ok(Math.max(...sizes) > 100_000, `bodies of ${sizes}`);
    await raw.close();
  });
  test('the handshake says what was configured', async () => {
    const raw = await RawPolling.connect(node.url);
    const { handshake } = raw;
    await raw.close();
    assert.deepEqual([handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload], [1_000, 1_000, 1_048_576]);
    assert.deepEqual(handshake.upgrades, ['websocket']);
  });
  test('a client that answers pings stays, one that does not is gone', async () => {
    const room = freshRoom();
    const [stays] = await Peer.gather(node.url, room, 1);
    const silent = await RawSocket.connect(node.url);
    silent.socket.removeAllListeners('message');
    silent.event(['get-rtp-capabilities', { roomId: room }]);
    silent.event(['join-mediasoup-room', { roomId: room }]);
    await stays.hears('new-peer-joined', ({ peerId }) => peerId === silent.id);
    await stays.hears('participant-left', ({ peerId }) => peerId === silent.id);
    await silent.end();
    await stays.settle();
    close(stays);
  });
  test('other namespaces and old protocols are refused, and the server goes on', async () => {
    const other = new Client(`${node.url}/admin`, {});
    await new Promise((resolve) => other.socket.once('connect_error', resolve));
    other.close();
    const old = await fetch(`${node.url}/socket.io/?EIO=3&transport=polling`);
    assert.equal(old.status, 400);
    for (const query of ['', '?EIO=4', '?EIO=4&transport=carrier-pigeon', '?EIO=4&transport=polling&sid=unknown']) {
      const { status } = await fetch(`${node.url}/socket.io/${query}`);
      assert.equal(status, 400, query);
    }
    await servesNormally(node);
  });
});

describe('HTTP', () => {
  const get = async (path, headers = {}, options = {}) => fetch(`${node.url}${path}`, { headers, ...options });

  test('/health is the union of what clients of all dialects read', async () => {
    const peer = await Peer.join(node.url, freshRoom());
    const deadline = Date.now() + 5_000;
    let health;
    do {
      const answer = await get('/health');
      assert.match(answer.headers.get('content-type'), /^application\/json/);
      health = await answer.json();
    } while (health.rooms === 0 && Date.now() < deadline);
    const { status, rooms, workers, timestamp, server, ...rest } = health;
    assert.deepEqual([status, rooms, workers, server, rest], ['ok', 1, 1, 'http', {}]);
    assert.equal(new Date(timestamp).toISOString(), timestamp);
    close(peer);
  });
  test('/healthz and /readyz', async () => {
    for (const [path, status] of [['/healthz', 'ok'], ['/readyz', 'ready']]) {
      const answer = await get(path);
      assert.deepEqual([answer.status, await answer.json()], [200, { status }]);
    }
  });
  test('/ is the page for browsers and JSON for everybody else', async () => {
    for (const accept of [undefined, '*/*', 'application/json']) {
      const { name, version, status, ...rest } = await (await get('/', accept ? { accept } : {})).json();
      assert.deepEqual([name, status, rest], ['Ringcast', 'running', {}]);
      assert.match(version, /^\d+\.\d+\.\d+/);
    }
    for (const [path, accept] of [['/', 'text/html,application/xhtml+xml,*/*;q=0.8'], ['/r/a-room', '*/*']]) {
      const answer = await get(path, { accept });
      assert.match(answer.headers.get('content-type'), /^text\/html/);
      assert.match(await answer.text(), /<html/i);
    }
  });
  test('what is not there is 404 in JSON, what is not done 405', async () => {
    const missing = await get('/no/such/path');
    assert.deepEqual([missing.status, await missing.json()], [404, { error: 'there is nothing at /no/such/path' }]);
    assert.equal((await get('/health', {}, { method: 'DELETE' })).status, 405);
  });
  test('CORS: any origin is reflected, OPTIONS is 200', async () => {
    for (const path of ['/health', '/socket.io/?EIO=4&transport=polling', '/nothing']) {
      for (const origin of ['http://localhost:3000', 'https://app.example.com']) {
        const asked = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };
        const preflight = await get(path, asked, { method: 'OPTIONS' });
        assert.equal(preflight.status, 200, path);
        assert.equal(preflight.headers.get('access-control-allow-origin'), origin);
        assert.match(preflight.headers.get('access-control-allow-methods'), /POST/);
        assert.match(preflight.headers.get('access-control-allow-headers'), /content-type/i);
        const answer = await get(path, { origin });
        assert.equal(answer.headers.get('access-control-allow-origin'), origin, path);
        assert.match(answer.headers.get('vary'), /origin/i);
        assert.equal(answer.headers.get('access-control-allow-credentials'), null);
      }
    }
  });
  test('CORS: FRONTEND_URL names the only origins', () =>
    withNode({ env: { FRONTEND_URL: 'http://localhost:3000,https://app.example.com' } }, async (named) => {
      for (const [origin, allowed] of [
        ['http://localhost:3000', true],
        ['https://app.example.com', true],
        [named.url, true],
        ['https://evil.example.com', false],
        ['http://app.example.com', false],
        ['null', false],
      ]) {
        for (const path of ['/socket.io/?EIO=4&transport=polling', '/health']) {
          const answer = await fetch(`${named.url}${path}`, { headers: { origin } });
          const reflected = allowed && origin !== named.url ? origin : null;
          assert.equal(answer.headers.get('access-control-allow-origin'), reflected, `${origin} ${path}`);
        }
        const raw = await RawSocket.connect(named.url, { origin });
        assert.equal(raw.refused === undefined, allowed, `${origin} by WebSocket, which browsers do not guard: ${raw.refused}`);
      }
      await servesNormally(named);
    }));
});

describe('/metrics', () => {
  const scrape = async () => {
    const answer = await fetch(`${node.url}/metrics`);
    assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    return answer.text();
  };
  const value = (text, line) => Number(text.split('\n').find((found) => found.startsWith(`${line} `))?.split(' ').at(-1) ?? 0);
  const requests = (name, result) => `ringcast_requests_total{dialect="rooms",name="${name}",result="${result}"}`;

  test('gauges are zero when nobody is there', async () => {
    endAll();
    const deadline = Date.now() + 5_000;
    const names = ['peers', 'rooms', 'sessions{dialect="rooms"}', 'producers{kind="audio"}', 'consumers{kind="audio"}'];
    let left;
    do {
      const text = await scrape();
      left = names.filter((name) => value(text, `ringcast_${name}`) !== 0);
    } while (left.length > 0 && Date.now() < deadline);
    assert.deepEqual(left, []);
  });
  test('requests are counted by dialect, name and result', async () => {
    const before = await scrape();
    const room = freshRoom();
    const [peer] = await Peer.gather(node.url, room, 1, [{ userId: 'user_metrics' }]);
    await peer.produce('audio');
    await peer.refused('Consumer not found', 'resume-consumer', { roomId: room, consumerId: 'none' });
    await peer.refused('Event not supported: no-such-event', 'no-such-event');
    peer.tell('another-unknown-event');
    peer.tell('update-my-state', { roomId: room, isAudioMuted: true });
    await peer.settle();
    const text = await scrape();
    for (const [name, result, count] of [
      ['get-rtp-capabilities', 'ok', 1],
      ['join-mediasoup-room', 'ok', 1],
      ['create-webrtc-transport', 'ok', 1],
      ['produce', 'ok', 1],
      ['update-my-state', 'ok', 1],
      ['resume-consumer', 'error', 1],
      ['unknown', 'error', 2],
    ]) {
      assert.equal(value(text, requests(name, result)) - value(before, requests(name, result)), count, `${name} ${result}`);
    }
    for (const line of ['ringcast_peers', 'ringcast_sessions{dialect="rooms"}', 'ringcast_producers{kind="audio"}', 'ringcast_transports{state="new"}']) {
      assert.equal(value(text, line), 1, line);
    }
    assert.equal(value(text, 'ringcast_workers'), 1);
    assert.match(text, /^ringcast_request_duration_seconds_bucket\{.*name="produce",le="10"\} /m);
    assert.match(text, /^ringcast_build_info\{.*version="/m);
    assert.match(text, /^ringcast_worker_cpu_ratio\{worker="0"\} /m);
    for (const secret of [room, 'user_metrics', peer.id, 'no-such-event']) assert.ok(!text.includes(secret), `${secret} in the metrics`);
    close(peer);
  });
});
