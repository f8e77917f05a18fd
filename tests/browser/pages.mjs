// Chromium pages in a call, and what can be read off them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { CORNER, GROUND, writePicture } from './picture.mjs';

/** The longest that anything in a call may take on a busy machine. */
export const PATIENCE_MS = 20_000;
/** Video coding may change a colour by this much. */
const COLOUR_TOLERANCE = 24;
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

/** A browser with a fake camera and microphone. `allow`: it says yes when a page asks for them. */
export async function launchBrowser({ allow = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ringcast-picture-'));
  const picture = join(folder, 'picture.y4m');
  writePicture(picture);
  const args = [...FLAGS, `--use-file-for-fake-video-capture=${picture}`];
  if (allow) args.push('--use-fake-ui-for-media-stream');
  // Without sound the browser would measure none, so the mute that is usual in tests is taken away.
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, headless: true, args, ignoreDefaultArgs: ['--mute-audio'] });
  browser.on('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}

/** Opens the page and joins: a page of a browser profile of its own, as another person's would be. */
export async function joinCall(browser, node, { name, room, options = '', viewport = { width: 1280, height: 720 } }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  await page.goto(`${node.url}/r/${room}?name=${name}&autojoin=1&video=360p${options}`);
  await until(`${name} joined`, async () => (await page.evaluate(() => window.ringcast.status())) === 'joined');
  return page;
}

/** The tiles of a page: peer id, name and the flags that it shows. */
export const tiles = (page) =>
  page.$$eval('[data-testid=tile]', (tiles) =>
    tiles.map((tile) => ({
      peerId: tile.dataset.peerId,
      name: tile.querySelector('[data-testid=tile-name]').textContent,
      self: tile.dataset.self === 'true',
      screen: tile.dataset.screen === 'true',
      muted: tile.dataset.muted === 'true',
      video: tile.dataset.video === 'true',
      speaking: tile.dataset.speaking === 'true',
    })),
  );

export const others = async (page) => (await tiles(page)).filter((tile) => !tile.self);

/** Rows of received media: `audio`, or `video` (cameras and screens). */
export async function received(page, kind) {
  const rows = await page.evaluate(() => window.ringcast.stats());
  return rows.filter((row) => (row.kind === 'audio') === (kind === 'audio'));
}

/** Waits until `count` pictures of others move: each decoded `frames` more frames than it had when this began. */
export async function untilVideosFlow(page, count, frames = 10) {
  const before = new Map((await received(page, 'video')).map((row) => [row.consumerId, row.framesDecoded]));
  await until(`${count} videos flow`, async () => {
    const rows = await received(page, 'video');
    const flowing = rows.filter((row) => row.framesDecoded >= (before.get(row.consumerId) ?? 0) + frames);
    return flowing.length === count && rows.length === count;
  });
}

/** The colours of the first picture of somebody else, at the middle of its upper left and lower right quarters. */
async function colours(page) {
  return page.evaluate(() => {
    const video = [...document.querySelectorAll('[data-testid=tile]:not([data-self=true]) video')].find((v) => v.videoWidth > 0);
    if (!video) return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const paint = canvas.getContext('2d');
    paint.drawImage(video, 0, 0);
    const at = (x, y) => [...paint.getImageData(x * canvas.width, y * canvas.height, 1, 1).data].slice(0, 3);
    return { corner: at(0.25, 0.25), ground: at(0.75, 0.75) };
  });
}

/** Checks that what a page shows of another peer is what that peer's camera sees. */
export async function assertPicture(page) {
  const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) <= COLOUR_TOLERANCE);
  let seen;
  await until('the picture of the camera', async () => {
    seen = await colours(page);
    return seen && near(seen.corner, CORNER) && near(seen.ground, GROUND);
  }).catch((error) => {
    throw new Error(`${error.message}: saw ${JSON.stringify(seen)}`);
  });
}

/** How much sound arrived from others since the page joined. */
export async function soundEnergy(page) {
  return (await received(page, 'audio')).reduce((sum, row) => sum + row.totalAudioEnergy, 0);
}

export const press = (page, testid) => page.click(`[data-testid=${testid}]`);

/** Waits for something to become true; says what never did. */
export async function until(what, condition, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never happened within ${patience} ms: ${what}`);
}

/** Closes pages, and fails if one of them had an uncaught error. */
export async function closePages(...pages) {
  for (const page of pages) {
    await page.context().close();
    assert.deepEqual(page.problems, [], 'uncaught errors of the page');
  }
}
