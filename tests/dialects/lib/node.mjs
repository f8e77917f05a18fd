// One node for a test file, and the end of every connection to it.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { startNode, stopCleanly } from '../../support/node.mjs';
import { Peer, freshRoom } from './peer.mjs';
import { endAll } from './open.mjs';

/** A node that starts before the tests of a file or suite and has to end well after them. Its fields can be read within tests. */
export function useNode(options) {
  const node = {};
  before(async () => Object.assign(node, await startNode(options)));
  after(async () => {
    endAll();
    if (node.stop) await stopCleanly(node, assert);
  });
  return node;
}

/** Runs the work with a node of its own, which has to end well. */
export async function withNode(options, work) {
  const node = await startNode(options);
  try {
    await work(node);
    endAll();
    await stopCleanly(node, assert);
  } finally {
    endAll();
    node.signal('SIGKILL');
  }
}

/** The server still does its work: two peers join, one sends, the other receives. */
export async function servesNormally(node, options) {
  const room = freshRoom();
  const [ada, bob] = [await Peer.join(node.url, room, {}, options), await Peer.join(node.url, room, {}, options)];
  const producer = await ada.produce('audio');
  await bob.hears('new-producer', ({ producerId }) => producerId === producer);
  const { id } = await bob.consume(producer);
  await bob.do('resume-consumer', { roomId: room, consumerId: id });
  ada.close();
  bob.close();
}
