// Starts real ringcast nodes for the suites, each on ports of its own, in a folder of its own.
// RINGCAST_BIN names the binary; without it the release build of this checkout is taken.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = process.env.RINGCAST_BIN ?? fileURLToPath(new URL('../../target/release/ringcast', import.meta.url));
const START_MS = 15_000;
const STOP_MS = 15_000;
/** Every node of a test process gets its own hundred media ports. */
let mediaPort = 20_000 + (process.pid % 150) * 100;

/** A TCP port that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Media ports for one node, as environment variables. */
export function mediaPorts() {
  mediaPort += 100;
  return { MEDIASOUP_MIN_PORT: String(mediaPort), MEDIASOUP_MAX_PORT: String(mediaPort + 99) };
}

/**
 * Runs the binary until it ends: its exit code and everything it wrote.
 * `files` are written into its working directory first.
 */
export async function runOnce(args = [], { env = {}, files = {} } = {}) {
  const process = launch(args, env, files);
  const code = await process.ended;
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

/**
 * Starts a node and waits until it is ready. Options: `env`, `args`, `files`, `port`, `ready` (false: do not wait).
 * The result: `url`, `port`, `pid`, `logs()` (parsed JSON lines), `errors()` (those at error level), `stop(signal)` (its exit code),
 * `ended` (a promise of it), `signal(name)`.
 */
export async function startNode({ env = {}, args = [], files = {}, port, ready = true } = {}) {
  const listen = port ?? (await freePort());
  const settings = { PORT: String(listen), LOG_FORMAT: 'json', MEDIASOUP_NUM_WORKERS: '1', ...mediaPorts(), ...env };
  const process = launch(args, settings, files);
  const node = {
    port: listen,
    url: `http://127.0.0.1:${listen}`,
    pid: process.child.pid,
    ended: process.ended,
    stderr: process.stderr,
    logs: () => process.stdout().split('\n').filter(Boolean).map(parse),
    errors: () => node.logs().filter((line) => line.level === 'ERROR' && !isAnswered(line)),
    signal: (name) => process.child.kill(name),
    stop: (name = 'SIGTERM') => {
      process.child.kill(name);
      return process.ended;
    },
  };
  if (ready) await untilReady(node, process);
  return node;
}

function launch(args, env, files) {
  const folder = mkdtempSync(join(tmpdir(), 'ringcast-test-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const inherited = { PATH: process.env.PATH, HOME: process.env.HOME };
  const child = spawn(binary, args, { cwd: folder, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      process.off('exit', kill);
      rmSync(folder, { recursive: true, force: true });
      resolve(code ?? signal);
    });
  });
  return { child, ended, folder, stdout: () => output.stdout, stderr: () => output.stderr };
}

async function untilReady(node, { ended, stdout, stderr }) {
  const deadline = Date.now() + START_MS;
  let over = false;
  ended.then(() => (over = true));
  while (!over && Date.now() < deadline) {
    const answer = await fetch(`${node.url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  node.signal('SIGKILL');
  throw new Error(`the node did not become ready:\n${stdout()}${stderr()}`);
}

/** A media worker writes at error level whatever it refuses, a busy port as well; the node is told, and answers or logs it in its own words. */
const isAnswered = ({ target, message }) => target === 'mediasoup::worker' && message.includes('throwing MediaSoupError');

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { level: 'UNPARSED', message: line };
  }
}

/** Ends a node and checks how it ended: exit code 0, in time, nothing logged as an error. */
export async function stopCleanly(node, assert) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS, 'did not end')));
  const code = await Promise.race([node.stop(), late]);
  clearTimeout(timer);
  assert.equal(code, 0, 'exit code');
  assert.deepEqual(node.errors(), [], 'lines logged as errors');
}
