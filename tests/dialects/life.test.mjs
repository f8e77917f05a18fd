// The life of a node's process: its log lines, its end, ports that are taken, its configuration, TLS.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, test } from 'node:test';
import { freePort, mediaPorts, runOnce, startNode, stopCleanly } from '../support/node.mjs';
import { certificate } from './lib/certificate.mjs';
import { Client } from './lib/client.mjs';
import { servesNormally, withNode } from './lib/node.mjs';
import { Peer, dtlsParameters, freshRoom } from './lib/peer.mjs';
import { RawSocket } from './lib/raw.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Listens on a UDP or TCP port until `close` is called. */
async function occupy(port, protocol) {
  const socket = protocol === 'udp' ? createSocket('udp4') : createServer();
  await new Promise((resolve) => (protocol === 'udp' ? socket.bind(port, '127.0.0.1', resolve) : socket.listen(port, '127.0.0.1', resolve)));
  return socket;
}

describe('the log', () => {
  test('says what operators of such servers look for', () =>
    withNode({ env: { MEDIASOUP_NUM_WORKERS: '2' } }, async (node) => {
      const room = freshRoom();
      const [ada, bob] = await Peer.gather(node.url, room, 2);
      const producer = await ada.produce('video', undefined, { appData: { share: true } });
      const { id: consumer } = await bob.consume(producer);
      await bob.do('connect-transport', { roomId: room, transportId: bob.receiving.id, dtlsParameters: dtlsParameters() });
      await bob.do('resume-consumer', { roomId: room, consumerId: consumer });
      const { id } = ada;
      ada.close();
      await bob.hears('participant-left');
      const lines = [
        'Created 2 mediasoup workers',
        'Mediasoup workers ready',
        `Server running on port ${node.port}`,
        `Client connected: ${id}`,
        `Peer ${id} joined room ${room}`,
        `Created router for room: ${room}`,
        `Created send transport for ${id}`,
        `Created recv transport for ${bob.id}`,
        `Producer created: ${producer} (video - SCREEN) for ${id}`,
        `Consumer created: ${consumer} for producer ${producer}`,
        `Transport ${bob.receiving.id} connected`,
        `Consumer resumed: ${consumer}`,
        `Client disconnected: ${id}`,
      ];
      const deadline = Date.now() + 3_000;
      const missing = () => lines.filter((line) => !node.logs().some(({ level, message }) => level === 'INFO' && message === line));
      while (missing().length > 0 && Date.now() < deadline) await pause(20);
      assert.deepEqual(missing(), []);
    }));
});

describe('the end', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal}: not ready, no new sockets, aware clients are told, exit 0 within the grace`, async () => {
      const node = await startNode({ env: { SHUTDOWN_GRACE: '5s' } });
      const room = freshRoom();
      const aware = await Peer.join(node.url, room, { extensions: ['rebuild'] });
      const plain = await Peer.join(node.url, room);
      const polling = await Peer.join(node.url, room, { extensions: ['any'] }, { transports: ['polling'] });
      await aware.produce('audio');
      const started = Date.now();
      node.signal(signal);
      assert.deepEqual(await aware.hears('server-closing'), { edges: [] });
      assert.deepEqual(await polling.hears('server-closing'), { edges: [] });
      const ends = [aware, plain, polling].map((peer) => peer.closed());
      const readyz = await fetch(`${node.url}/readyz`, { headers: { connection: 'close' } });
      assert.deepEqual([readyz.status, await readyz.json()], [503, { status: 'not ready', reason: 'shutting down' }]);
      for (const transport of ['websocket', 'polling']) {
        const late = new Client(node.url, { transports: [transport], reconnection: true, reconnectionDelay: 10_000 });
        await new Promise((resolve) => late.socket.once('connect_error', resolve));
        assert.ok(late.socket.active, 'it will try again by itself');
        late.close();
      }
      assert.equal(await node.ended, 0);
      assert.ok(Date.now() - started < 5_000, 'within the grace');
      for (const reason of await Promise.all(ends)) {
        assert.notEqual(reason, 'io server disconnect', 'after which a client would not connect again by itself');
      }
      assert.deepEqual(plain.heard('server-closing'), []);
      assert.deepEqual(node.errors(), []);
      assert.deepEqual([aware, plain, polling].flatMap(({ problems }) => problems), []);
    });
  }
  test('a second signal ends at once', async () => {
    const node = await startNode({ env: { SHUTDOWN_GRACE: '60s' } });
    const peer = await Peer.join(node.url, freshRoom(), { extensions: ['any'] });
    node.signal('SIGTERM');
    await peer.hears('server-closing');
    const second = Date.now();
    node.signal('SIGTERM');
    assert.equal(await node.ended, 130);
    assert.ok(Date.now() - second < 400, `${Date.now() - second} ms`);
    peer.close();
  });
  test('without anybody it ends in a moment', async () => {
    const node = await startNode();
    const started = Date.now();
    await stopCleanly(node, assert);
    assert.ok(Date.now() - started < 2_000);
  });
  test('after a start on the same port peers come back', async () => {
    const first = await startNode();
    const room = freshRoom();
    const peer = await Peer.join(first.url, room, {}, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 });
    const back = new Promise((resolve) => peer.socket.io.once('reconnect', resolve));
    await stopCleanly(first, assert);
    await withNode({ port: first.port }, async () => {
      await back;
      assert.deepEqual(await peer.enter(room), { existingProducers: [] });
    });
  });
});

describe('ports', () => {
  test('a busy port is a clear error and exit code 1', async () => {
    const port = await freePort();
    const other = await occupy(port, 'tcp');
    const env = { PORT: String(port), HOST: '127.0.0.1', LOG_FORMAT: 'json', MEDIASOUP_NUM_WORKERS: '1', ...mediaPorts() };
    const { code, stderr } = await runOnce([], { env });
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^ringcast: cannot listen on 127\\.0\\.0\\.1:${port}: .*in use`));
  });
  for (const protocol of ['udp', 'tcp']) {
    test(`a media port that is taken (${protocol}) is logged and the next one is used`, async () => {
      const range = mediaPorts();
      const first = Number(range.MEDIASOUP_MIN_PORT);
      const other = await occupy(first, protocol);
      await withNode({ env: { ...range, ANNOUNCED_IP: '127.0.0.1' } }, async (node) => {
        const peer = await Peer.join(node.url, freshRoom());
        const { iceCandidates } = await peer.transport('send');
        assert.deepEqual(new Set(iceCandidates.map(({ port }) => port)), new Set([first + 1]));
        assert.ok(node.logs().some(({ level, port }) => level === 'WARN' && port === first), 'is logged');
      });
      other.close();
    });
  }
  test('an exhausted range is an error that names it', async () => {
    const port = Number(mediaPorts().MEDIASOUP_MIN_PORT);
    const busy = [await occupy(port, 'udp'), await occupy(port + 1, 'udp')];
    const range = { MEDIASOUP_MIN_PORT: String(port), MEDIASOUP_MAX_PORT: String(port + 1) };
    const env = { PORT: String(await freePort()), MEDIASOUP_NUM_WORKERS: '1', ANNOUNCED_IP: '127.0.0.1', ...range };
    const { code, stderr } = await runOnce([], { env });
    busy.forEach((socket) => socket.close());
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^ringcast: .*${port}.*${port + 1}`));
  });
  test('PORT=0 and a list of ports', async () => {
    const ports = [await freePort(), await freePort()];
    await withNode({ port: ports[0], env: { PORT: ports.join(',') } }, async (node) => {
      for (const port of ports) await servesNormally({ url: `http://127.0.0.1:${port}` });
      assert.equal(node.logs().filter(({ message }) => /^Server running on port/.test(message)).length, 2);
    });
    const node = await startNode({ env: { PORT: '0' }, ready: false });
    const line = () => node.logs().find(({ message }) => /^Server running on port \d+$/.test(message));
    while (!line()) await pause(20);
    await servesNormally({ url: `http://127.0.0.1:${line().message.split(' ').at(-1)}` });
    await stopCleanly(node, assert);
  });
});

describe('the configuration', () => {
  const toml = `port = 8080
prot = 80
[limits]
peers_per_room = 0
peers_per_rom = 5
`;
  const dotenv = 'MEDIASOUP_NUM_WORKERS=many\nWIBBLE=1\n';

  test('check-config names every mistake, with its place, and exits with 2', async () => {
    const env = { PING_TIMEOUT: 'soon', ANNOUNCED_IP: '0.0.0.0' };
    const args = ['check-config', '--log-format', 'xml'];
    const { code, stderr, stdout } = await runOnce(args, { env, files: { 'ringcast.toml': toml, '.env': dotenv } });
    assert.deepEqual([code, stdout], [2, '']);
    for (const mistake of [
      /ringcast\.toml line 2, prot: there is no such key; did you mean port\?/,
      /ringcast\.toml line 4, .*peers_per_room: 0 is wrong; expected a number from 1/,
      /ringcast\.toml line 5, .*peers_per_rom: there is no such key; did you mean peers_per_room\?/,
      /\.env line 1, MEDIASOUP_NUM_WORKERS: .*many/,
      /environment variable PING_TIMEOUT: .*soon/,
      /environment variable ANNOUNCED_IP: .*0\.0\.0\.0/,
      /flag --log-format: .*xml.*json/,
    ]) {
      assert.match(stderr, mistake);
    }
    assert.match(stderr, /^the configuration has 7 mistakes:/);
  });
  test('serve refuses the same, and does not start', async () => {
    const { code, stderr } = await runOnce([], { files: { 'ringcast.toml': toml } });
    assert.equal(code, 2);
    assert.match(stderr, /line 2, prot/);
  });
  test('unknown flags and commands are named, with the nearest that there is', async () => {
    for (const [args, words] of [
      [['--prot', '80', '--wibble=3'], /flag --prot: there is no such flag; did you mean --port\?\n.*flag --wibble: there is no such flag/s],
      [['check-config', '--prot', '80'], /flag --prot: there is no such flag/],
      [['start'], /command start: there is no such command; expected serve or check-config/],
      [['--port'], /flag --port: it needs a value/],
      [['--config', 'none.toml', 'check-config'], /none\.toml/],
    ]) {
      const { code, stderr } = await runOnce(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, words);
    }
  });
  test('a good configuration is shown with where each value comes from', async () => {
    const files = { 'ringcast.toml': 'port = 1\nhost = "127.0.0.1"\nmediasoup_num_workers = 3\nlog_level = "warn"\n', '.env': 'PORT=2\nMEDIASOUP_NUM_WORKERS=2\nWIBBLE=1\n' };
    const { code, stdout, stderr } = await runOnce(['check-config', '--port', '4'], { env: { PORT: '3', LOG_FORMAT: 'json' }, files });
    assert.deepEqual([code, stderr], [0, ''], stderr);
    for (const row of [
      /^PORT\s+4\s+flag --port$/m,
      /^HOST\s+127\.0\.0\.1\s+.*ringcast\.toml line 2/m,
      /^MEDIASOUP_NUM_WORKERS\s+2\s+.*\.env line 2/m,
      /^LOG_FORMAT\s+json\s+environment variable LOG_FORMAT$/m,
      /^LOG_LEVEL\s+warn\s+.*ringcast\.toml line 4/m,
      /^PING_INTERVAL\s+5s\s+default$/m,
      /WIBBLE/,
    ]) {
      assert.match(stdout, row);
    }
  });
  test('--version and --help', async () => {
    const version = await runOnce(['--version']);
    assert.match(version.stdout, /^ringcast \d+\.\d+\.\d+\nmediasoup: .*(system|upstream)/);
    const help = await runOnce(['--help']);
    assert.deepEqual([version.code, help.code], [0, 0]);
    for (const word of ['check-config', 'serve', '--announced-ip', '--tls-cert']) assert.ok(help.stdout.includes(word), word);
  });
});

describe('TLS', () => {
  const RELOADED_MS = 12_000;
  /** The certificate that a connection is shown. */
  const shown = (port) =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.end();
      }).on('error', reject);
    });

  test('https and wss work; replaced files are taken; broken ones are not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ringcast-tls-'));
    const [TLS_CERT, TLS_KEY] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const write = ({ cert, key }) => (writeFileSync(TLS_CERT, cert), writeFileSync(TLS_KEY, key));
    const first = certificate('first');
    write(first);
    const node = await startNode({ env: { TLS_CERT, TLS_KEY }, ready: false });
    while (!node.logs().some(({ message }) => /^Server running/.test(message))) await pause(20);
    const url = `https://localhost:${node.port}`;
    const options = { ca: first.cert };

    for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) await servesNormally({ url }, { ...options, transports });
    await assert.rejects(Client.connect(url, {}), 'a certificate that nobody vouches for');
    await assert.rejects(fetch(`http://localhost:${node.port}/healthz`), 'no HTTP on this port');
    const stays = await Peer.join(url, freshRoom(), {}, options);

    const second = certificate('second');
    write(second);
    const deadline = Date.now() + RELOADED_MS;
    while ((await shown(node.port)) !== 'second' && Date.now() < deadline) await pause(200);
    assert.equal(await shown(node.port), 'second');
    await servesNormally({ url }, { ca: second.cert });
    await stays.settle();

    writeFileSync(TLS_CERT, 'broken');
    const told = () => node.errors().some(({ message }) => message.includes('cert.pem'));
    while (!told() && Date.now() < deadline + RELOADED_MS) await pause(200);
    assert.ok(told(), 'is logged');
    assert.equal(await shown(node.port), 'second');
    await servesNormally({ url }, { ca: second.cert });
    stays.close();
    node.signal('SIGTERM');
    assert.equal(await node.ended, 0);
    await rm(folder, { recursive: true });
  });
  test('what cannot be used is named at the start', async () => {
    const [one, other] = [certificate('one'), certificate('other')];
    for (const [files, env, words] of [
      [{ 'c.pem': one.cert }, { TLS_CERT: 'c.pem' }, /TLS_KEY/],
      [{ 'c.pem': one.cert }, { TLS_CERT: 'c.pem', TLS_KEY: 'none.pem' }, /none\.pem/],
      [{ 'c.pem': 'text', 'k.pem': one.key }, { TLS_CERT: 'c.pem', TLS_KEY: 'k.pem' }, /c\.pem/],
      [{ 'c.pem': one.cert, 'k.pem': other.key }, { TLS_CERT: 'c.pem', TLS_KEY: 'k.pem' }, /cannot be used together/],
    ]) {
      const { code, stderr } = await runOnce(['check-config'], { env, files });
      assert.equal(code, 2, words.source);
      assert.match(stderr, words);
    }
  });
});
