import assert from "node:assert/strict";
import { test } from "node:test";
import { Rates, readInbound, readOutbound, readPath } from "../client/stats.ts";

type Entries = Record<string, Record<string, unknown>>;
const report = (entries: Entries) => new Map(Object.entries(entries).map(([id, entry]) => [id, { id, ...entry }]));
const key = { trackId: "track", peerId: "ada", kind: "video" as const, consumerId: "c", producerId: "p" };
const inbound = (bytes: number, packets: number, lost: number) =>
  report({
    codec: { type: "codec", mimeType: "video/VP8" },
    in: { type: "inbound-rtp", trackIdentifier: "track", codecId: "codec", bytesReceived: bytes, packetsReceived: packets, packetsLost: lost, framesDecoded: 30 },
    probe: { type: "inbound-rtp", trackIdentifier: "probator", bytesReceived: 5 },
  });

test("received rates are taken between two readings", () => {
  const rates = new Rates();
  const [first] = readInbound(inbound(1000, 100, 0), [key], rates, 0);
  rates.next();
  const [second] = readInbound(inbound(126_000, 190, 10), [key], rates, 1000);
  assert.equal(first?.bitrate, 0);
  assert.equal(first?.codec, "VP8");
  assert.equal(second?.bitrate, 1_000_000);
  assert.equal(second?.loss, 0.1);
  assert.equal(second?.framesDecoded, 30);
  assert.equal(second?.peerId, "ada");
});

test("a track that nobody asked about gives no row", () => {
  assert.equal(readInbound(inbound(1, 1, 0), [key], new Rates(), 0).length, 1);
});

test("sent layers come lowest first, with what the other end reports", () => {
  const rows = readOutbound(
    report({
      source: { type: "media-source", trackIdentifier: "cam" },
      high: { type: "outbound-rtp", mediaSourceId: "source", rid: "r2", frameWidth: 1280, remoteId: "report" },
      low: { type: "outbound-rtp", mediaSourceId: "source", rid: "r0", frameWidth: 320 },
      report: { type: "remote-inbound-rtp", fractionLost: 0.25 },
    }),
    [{ trackId: "cam", source: "camera" }],
    new Rates(),
    0,
  );
  assert.deepEqual(rows.map((row) => [row.rid, row.frameWidth, row.loss]), [["r0", 320, 0], ["r2", 1280, 0.25]]);
});

test("the path is the selected pair, also where only the pair says so", () => {
  const pair = { type: "candidate-pair", remoteCandidateId: "remote", currentRoundTripTime: 0.02, nominated: true, state: "succeeded" };
  const remote = { type: "remote-candidate", address: "192.0.2.1", port: 40_000, protocol: "udp" };
  const expected = { direction: "recv", rttMs: 20, protocol: "udp", remote: "192.0.2.1:40000", availableBitrate: null };
  assert.deepEqual(readPath(report({ t: { type: "transport", selectedCandidatePairId: "pair" }, pair, remote }), "recv"), expected);
  assert.deepEqual(readPath(report({ pair, remote }), "recv"), expected);
  assert.equal(readPath(report({}), "send"), null);
});
