import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../client/backoff.ts";
import { cameraEncodings, screenEncodings } from "../client/encodings.ts";
import { layersFor, spatialLayers } from "../client/layers.ts";
import { Pool, Sequence } from "../client/pool.ts";

test("a 720p camera sends three layers, lowest first, each with temporal layers", () => {
  const layers = cameraEncodings(720, true);
  assert.deepEqual(layers.map((layer) => layer.scaleResolutionDownBy), [4, 2, 1]);
  assert.ok(layers.every((layer) => layer.scalabilityMode === "L1T3"));
  const rates = layers.map((layer) => layer.maxBitrate);
  assert.deepEqual(rates, [...rates].sort((a, b) => a - b));
});

test("small cameras send fewer layers, and without simulcast there is one", () => {
  assert.equal(cameraEncodings(360, true).length, 2);
  assert.equal(cameraEncodings(180, true).length, 1);
  assert.equal(cameraEncodings(720, false).length, 1);
  assert.equal(screenEncodings().length, 1);
});

test("the layer follows the size at which a picture is shown", () => {
  const chosen = (width: number) => layersFor(width, 3).spatialLayer;
  assert.deepEqual([160, 480, 600, 960, 1400, 4000].map(chosen), [0, 0, 1, 1, 2, 2]);
  assert.deepEqual(layersFor(0, 3), { spatialLayer: 0, temporalLayer: 0 });
  assert.equal(layersFor(4000, 1).spatialLayer, 0);
  assert.deepEqual([400, 540, 4000].map((width) => layersFor(width, 2).spatialLayer), [0, 1, 1]);
});

test("scalability modes name their spatial layers", () => {
  assert.deepEqual(["L3T3", "S2T1", "L1T3", "S3T3_KEY", "", "nonsense", undefined].map(spatialLayers), [3, 2, 1, 3, 1, 1, 1]);
});

test("waits grow, stay bounded and are spread", () => {
  assert.ok(backoffMs(1, 0) < 100);
  assert.ok(backoffMs(1, 1) <= 300);
  assert.ok(backoffMs(3, 1) > backoffMs(2, 1));
  assert.equal(backoffMs(60, 1), 5_000);
});

test("a pool never runs more than its bound, loses nothing, and survives failures", async () => {
  const pool = new Pool(3);
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 20 }, (_, at) =>
    pool.run(async () => {
      most = Math.max(most, (running += 1));
      await new Promise((done) => setTimeout(done, 1));
      running -= 1;
      if (at % 5 === 0) throw new Error("refused");
      return at;
    }),
  );
  const results = await Promise.allSettled(tasks);
  assert.equal(most, 3);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 16);
  assert.equal(await pool.run(async () => "again"), "again");
});

test("a sequence keeps the order, also after a failure", async () => {
  const sequence = new Sequence();
  const seen: number[] = [];
  const first = sequence.run(async () => {
    await new Promise((done) => setTimeout(done, 5));
    seen.push(1);
    throw new Error("refused");
  });
  const second = sequence.run(async () => void seen.push(2));
  await assert.rejects(first);
  await second;
  assert.deepEqual(seen, [1, 2]);
});
