// A call between real pages: what people see and hear of one another, and what they are told.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { startNode, stopCleanly } from '../support/node.mjs';
import {
  assertPicture, closePages, joinCall, launchBrowser, others, press, received, soundEnergy, tiles, until, untilVideosFlow,
} from './pages.mjs';

let node;
let browser;

before(async () => {
  node = await startNode({ env: { MEDIASOUP_NUM_WORKERS: '2' }, files: { 'ringcast.toml': '[limits]\npeers_per_room = 3\n' } });
  browser = await launchBrowser();
});

after(async () => {
  await browser.close();
  await stopCleanly(node, assert);
});

// A test that failed must not leave its pages in the rooms of the next.
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

const people = (room, names, options) =>
  Promise.all(names.map((name) => joinCall(browser, node, { name, room, options })));

const untilPeers = (page, count) => until(`${count} others`, async () => (await others(page)).length === count);

test('two people see and hear one another', async () => {
  const pages = await people('two', ['Ada', 'Ben']);
  const [ada, ben] = pages;
  for (const page of pages) {
    await untilVideosFlow(page, 1);
    await assertPicture(page);
    await until('sound', async () => (await soundEnergy(page)) > 0.001);
  }
  assert.deepEqual((await others(ada)).map((tile) => tile.name), ['Ben']);
  assert.deepEqual((await others(ben)).map((tile) => tile.name), ['Ada']);
  await until('somebody speaks', async () => (await tiles(ada)).some((tile) => tile.speaking));
  await ben.waitForSelector('[data-testid=tile]:not([data-self=true]) [data-level]:not([data-level="0"])');
  const layers = await ada.evaluate(() => window.ringcast.outbound());
  assert.ok(layers.filter((layer) => layer.source === 'camera').length > 1, 'the camera is sent in several layers');
  await closePages(...pages);
});

test('a muted microphone is heard by nobody and shown to all', async () => {
  const pages = await people('mute', ['Ada', 'Ben']);
  const [ada, ben] = pages;
  await until('sound', async () => (await soundEnergy(ben)) > 0.001);
  await press(ada, 'mic-button');
  await until('the mute is shown', async () => (await others(ben))[0]?.muted);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const quiet = await soundEnergy(ben);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  assert.ok((await soundEnergy(ben)) - quiet < 0.0005, 'no sound while muted');
  await ada.keyboard.press('m');
  await until('the mute is gone', async () => (await others(ben))[0]?.muted === false);
  await until('sound again', async () => (await soundEnergy(ben)) > quiet + 0.001);
  await closePages(...pages);
});

test('a camera that is switched off disappears and comes back', async () => {
  const pages = await people('camera', ['Ada', 'Ben']);
  const [ada, ben] = pages;
  await untilVideosFlow(ben, 1);
  await press(ada, 'camera-button');
  await until('no picture', async () => (await others(ben))[0]?.video === false);
  assert.equal((await others(ben)).length, 1, 'the tile stays');
  await press(ada, 'camera-button');
  await until('a picture', async () => (await others(ben))[0]?.video === true);
  await untilVideosFlow(ben, 1);
  await assertPicture(ben);
  await closePages(...pages);
});

test('a shared screen is a tile of its own, until it is stopped', async () => {
  const pages = await people('screen', ['Ada', 'Ben']);
  const [ada, ben] = pages;
  await untilVideosFlow(ben, 1);
  await press(ada, 'share-button');
  await until('a screen', async () => (await others(ben)).some((tile) => tile.screen && tile.video));
  await untilVideosFlow(ben, 2);
  await press(ada, 'share-button');
  await until('no screen', async () => (await others(ben)).every((tile) => !tile.screen));
  await until('one video is left', async () => (await received(ben, 'video')).length === 1);
  await closePages(...pages);
});

test('who comes late sees all who are there, and a full room says so', async () => {
  const pages = await people('late', ['Ada', 'Ben']);
  await untilVideosFlow(pages[0], 1);
  const cleo = await joinCall(browser, node, { name: 'Cleo', room: 'late' });
  await untilVideosFlow(cleo, 2, 5);
  await untilVideosFlow(pages[0], 2, 5);
  assert.deepEqual((await others(cleo)).map((tile) => tile.name).sort(), ['Ada', 'Ben']);
  await assertPicture(cleo);
  const picture = process.env.RINGCAST_PICTURE ?? new URL('../../target/test-logs/call.png', import.meta.url).pathname;
  mkdirSync(new URL('.', `file://${picture}`).pathname, { recursive: true });
  await cleo.screenshot({ path: picture });
  const context = await browser.newContext();
  const dora = await context.newPage();
  await dora.goto(`${node.url}/r/late?name=Dora&autojoin=1`);
  await until('the page says that the room is full', async () => /full/i.test(await dora.textContent('body')));
  await context.close();
  await closePages(cleo, ...pages);
});

test('who reloads is back once; who leaves is gone at once', async () => {
  const pages = await people('reload', ['Ada', 'Ben']);
  const [ada, ben] = pages;
  await untilVideosFlow(ada, 1);
  await ben.reload();
  await until('Ben is back', async () => (await ben.evaluate(() => window.ringcast?.status())) === 'joined');
  await until('one picture of Ben', async () => (await received(ada, 'video')).length === 1);
  await untilVideosFlow(ada, 1);
  assert.equal((await others(ada)).length, 1, 'no ghost of the former page');
  await press(ben, 'leave-button');
  await untilPeers(ada, 0);
  await closePages(...pages);
  await until('the room is closed', async () => (await (await fetch(`${node.url}/health`)).json()).rooms === 0);
});

test('the page fits a phone and works by keyboard', async () => {
  const page = await joinCall(browser, node, { name: 'Ada', room: 'phone', viewport: { width: 360, height: 740 } });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `the page is ${width} wide`);
  const pressed = () => page.getAttribute('[data-testid=camera-button]', 'aria-pressed');
  assert.equal(await pressed(), 'true');
  await page.keyboard.press('v');
  await until('camera off', async () => (await pressed()) === 'false');
  await page.keyboard.press('d');
  await page.waitForSelector('[data-testid=details-panel]', { state: 'visible' });
  await closePages(page);
});

test('who refuses the camera is told, and can join all the same', async () => {
  const strict = await launchBrowser({ allow: false });
  const context = await strict.newContext({ permissions: [] });
  const page = await context.newPage();
  await page.goto(`${node.url}/r/refused`);
  await until('a text about the refused camera', async () =>
    /refused|denied|blocked|not allowed|allow/i.test(await page.textContent('body')));
  await page.fill('[data-testid=name-input]', 'Ada');
  await press(page, 'join-button');
  await until('joined', async () => (await page.evaluate(() => window.ringcast.status())) === 'joined');
  await strict.close();
});
