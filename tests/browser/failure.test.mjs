// What people in a call notice when a part of the server dies: little, and not for long.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { freePort, mediaPorts, startNode, stopCleanly } from '../support/node.mjs';
import { assertPicture, closePages, joinCall, launchBrowser, others, until, untilVideosFlow } from './pages.mjs';
import { canFail, failFirstWorker } from './worker.mjs';

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(() => browser.close());

const twoPeople = (node, room) => Promise.all(['Ada', 'Ben'].map((name) => joinCall(browser, node, { name, room })));

/** A client of the oldest kind, with a seat: it cannot rebuild its media and has to be told that it is out. */
async function plainClient(t, node, roomId) {
  const socket = io(node.url, { transports: ['websocket'], forceNew: true });
  t.after(() => socket.close());
  const ask = (name, data) => socket.timeout(5_000).emitWithAck(name, { roomId, ...data });
  const { rtpCapabilities } = await ask('get-rtp-capabilities', {});
  await ask('join-mediasoup-room', { rtpCapabilities, userName: 'Seed' });
  const { params } = await ask('create-webrtc-transport', { direction: 'recv' });
  assert.ok(params.id);
  const signal = AbortSignal.timeout(10_000);
  const kicked = once(socket, 'kicked-from-room', { signal });
  const disconnected = once(socket, 'disconnect', { signal });
  return { kicked, disconnected };
}

test('a dead worker is replaced and the call goes on', async (t) => {
  const node = await startNode();
  if (!canFail(node.pid)) {
    await node.stop();
    return t.skip('built with the upstream libraries: no way to make a worker fail');
  }
  const pages = await twoPeople(node, 'worker');
  for (const page of pages) await untilVideosFlow(page, 1);
  const seated = await plainClient(t, node, 'worker');
  failFirstWorker(node.pid);
  await until('the death is logged', () => node.errors().some((line) => /worker died/.test(line.message ?? line.fields?.message)));
  for (const page of pages) {
    await untilVideosFlow(page, 1);
    await assertPicture(page);
    assert.equal((await others(page)).length, 1);
  }
  const [kick] = await seated.kicked;
  assert.equal(typeof kick.by, 'string');
  assert.equal(typeof kick.reason, 'string');
  await seated.disconnected;
  for (const page of pages) assert.deepEqual((await others(page)).map((tile) => tile.name).includes('Seed'), false);
  const health = await (await fetch(`${node.url}/health`)).json();
  assert.equal(health.workers, 1, 'there is a new worker');
  await closePages(...pages);
  assert.equal(await node.stop(), 0);
});

test('pages come back by themselves when the server is restarted', async () => {
  const port = await freePort();
  const env = mediaPorts();
  const first = await startNode({ port, env });
  const pages = await twoPeople(first, 'restart');
  for (const page of pages) await untilVideosFlow(page, 1);
  await stopCleanly(first, assert);
  await until('the page says that the server is away', async () => (await pages[0].evaluate(() => window.ringcast.status())) === 'away');
  const second = await startNode({ port, env });
  for (const page of pages) {
    await until('joined again', async () => (await page.evaluate(() => window.ringcast.status())) === 'joined', 40_000);
  }
  for (const page of pages) {
    await untilVideosFlow(page, 1);
    assert.equal((await others(page)).length, 1);
  }
  await closePages(...pages);
  await stopCleanly(second, assert);
});
