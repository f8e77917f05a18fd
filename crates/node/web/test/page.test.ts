import assert from "node:assert/strict";
import { test } from "node:test";
import { bitrate, milliseconds, percent, picture } from "../src/figures.ts";
import { layoutTiles } from "../src/grid-layout.ts";
import { cleanName, hueOf, initials, inventRoom, pathOfRoom, roomOfPath } from "../src/names.ts";
import { parsePreferences, readAddress } from "../src/settings.ts";

test("any number of tiles fits into the window, or scrolls at the least width", () => {
  for (const [width, height] of [[1280, 700], [390, 640], [900, 320], [320, 480]] as const) {
    for (let count = 1; count <= 100; count += 1) {
      const tile = layoutTiles(count, width, height, 10, 128);
      const rows = Math.ceil(count / tile.columns);
      assert.ok(tile.columns * tile.width + (tile.columns - 1) * 10 <= width, `${count} tiles are too wide`);
      const fits = rows * tile.height + (rows - 1) * 10 <= height;
      assert.ok(fits || tile.width >= 128, `${count} tiles do not fit and are too small`);
      assert.ok(tile.width > 0 && tile.height > 0);
    }
  }
});

test("tiles keep a pleasant shape", () => {
  for (const count of [1, 2, 4, 9, 30]) {
    const wide = layoutTiles(count, 1280, 700, 10, 128);
    const ratio = wide.width / wide.height;
    assert.ok(ratio > 1.3 && ratio < 1.8, `${count}: ${ratio}`);
  }
  assert.ok(layoutTiles(1, 390, 640, 10, 128).height > 390);
});

test("rooms travel in addresses whatever they are called", () => {
  for (const room of ["stand-up", "Müller & Söhne", "a/b?c#d", "東京"]) assert.equal(roomOfPath(pathOfRoom(room)), room);
  assert.equal(roomOfPath("/"), null);
  assert.equal(roomOfPath("/r/%E0%A4%A"), null);
  assert.equal(roomOfPath("/r/%20"), null);
});

test("an address sets what it names and leaves the rest", () => {
  const plain = readAddress("/r/blue", "");
  assert.deepEqual(plain, { room: "blue", name: null, autojoin: false, height: 720, simulcast: true });
  const full = readAddress("/r/blue", "?name=Ada&autojoin=1&video=360p&simulcast=0");
  assert.deepEqual(full, { room: "blue", name: "Ada", autojoin: true, height: 360, simulcast: false });
});

test("damaged preferences fall back to the defaults one by one", () => {
  assert.equal(parsePreferences(null).camera, true);
  assert.equal(parsePreferences("{").camera, true);
  assert.equal(parsePreferences("null").camera, true);
  const mixed = parsePreferences('{"camera":"yes","microphone":false,"name":"Ada","other":1}');
  assert.deepEqual([mixed.camera, mixed.microphone, mixed.name, "other" in mixed], [true, false, "Ada", false]);
});

test("names are cleaned, shortened and abbreviated", () => {
  assert.equal(cleanName("  Ada \n Lovelace "), "Ada Lovelace");
  assert.equal([...cleanName("😀".repeat(100))].length, 64);
  assert.deepEqual(["Ada Lovelace", "ada", "", "jean-luc", "Ада Л"].map(initials), ["AL", "A", "?", "JL", "АЛ"]);
  assert.equal(hueOf("user_1"), hueOf("user_1"));
  assert.match(inventRoom(() => 0.999), /^[a-z]+-[a-z]+-99$/);
});

test("figures are written for people", () => {
  const plain = (written: string[]) => written.map((words) => words.replaceAll("\u00a0", " "));
  assert.deepEqual(plain([0, 64_000, 1_500_000].map(bitrate)), ["0 kbit/s", "64 kbit/s", "1.5 Mbit/s"]);
  assert.deepEqual(plain([0, 0.004, 0.12].map(percent)), ["0 %", "0.4 %", "12 %"]);
  assert.deepEqual(plain([0.1, 0.6, 12.4].map(milliseconds)), ["<1 ms", "1 ms", "12 ms"]);
  assert.equal(picture({ frameWidth: 0, frameHeight: 0, framesPerSecond: 0 }), "");
  assert.equal(picture({ frameWidth: 640, frameHeight: 360, framesPerSecond: 29.7 }), "640×360 at 30\u00a0fps");
});
