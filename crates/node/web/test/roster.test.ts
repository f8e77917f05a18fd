import assert from "node:assert/strict";
import { test } from "node:test";
import { newest, Roster, type RemoteKind } from "../client/roster.ts";

const row = (id: string, name = id) => ({ id, name, isAudioMuted: false, isVideoPaused: false });
const track = (consumerId: string, peerId: string, kind: RemoteKind = "video") => ({
  consumerId,
  producerId: `producer-of-${consumerId}`,
  peerId,
  kind,
  layers: 1,
  track: { id: consumerId } as MediaStreamTrack,
});

test("a list tells who came and who went, without oneself", () => {
  const roster = new Roster();
  const first = roster.applyList([row("me"), row("a"), row("b")], "me");
  assert.deepEqual(first.joined.map((peer) => peer.id), ["a", "b"]);
  const second = roster.applyList([row("me"), row("b"), row("c")], "me");
  assert.deepEqual(second.joined.map((peer) => peer.id), ["c"]);
  assert.deepEqual(second.left.map((peer) => peer.id), ["a"]);
  assert.deepEqual(roster.peers.map((peer) => peer.id), ["b", "c"]);
});

test("a list keeps the tracks of those who stay and takes their new state", () => {
  const roster = new Roster();
  roster.applyList([row("a")], "me");
  roster.addTrack(track("1", "a"));
  roster.applyList([{ ...row("a", "Ada"), isAudioMuted: true }], "me");
  const ada = roster.get("a");
  assert.equal(ada?.name, "Ada");
  assert.equal(ada?.audioMuted, true);
  assert.equal(ada?.tracks.length, 1);
});

test("a track that comes before the list is not lost", () => {
  const roster = new Roster();
  roster.addTrack(track("1", "early"));
  assert.equal(roster.get("early")?.name, "Guest");
  const { joined } = roster.applyList([row("early", "Eve")], "me");
  assert.deepEqual(joined, []);
  assert.equal(roster.get("early")?.name, "Eve");
  assert.equal(roster.get("early")?.tracks.length, 1);
});

test("while media is rebuilt the newest track of a kind counts", () => {
  const roster = new Roster();
  roster.addTrack(track("old", "a"));
  roster.addTrack(track("new", "a"));
  roster.addTrack(track("sound", "a", "audio"));
  const peer = roster.get("a")!;
  assert.equal(newest(peer, "video")?.consumerId, "new");
  roster.removeTrack("old");
  assert.equal(newest(peer, "video")?.consumerId, "new");
  roster.removeTrack("new");
  assert.equal(newest(peer, "video"), undefined);
  assert.equal(newest(peer, "audio")?.consumerId, "sound");
});

test("a change of state touches only what it names, and unknown peers not at all", () => {
  const roster = new Roster();
  roster.applyList([row("a")], "me");
  roster.changeState("a", { isVideoPaused: true });
  assert.equal(roster.get("a")?.videoPaused, true);
  assert.equal(roster.get("a")?.audioMuted, false);
  roster.changeState("ghost", { isAudioMuted: true });
  roster.setQuality("ghost", 3);
  assert.equal(roster.get("ghost"), undefined);
});
