// Makes a worker of a running node fail as a failed assertion does: the media worker's library reads the id of the thread that
// shall fail from an exported variable, and this writes it from outside, into the binary that operators run.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync, writeSync } from 'node:fs';

const SYMBOL = 'ringcast_fault_thread';

/** True where the worker was built with the library that has the variable. */
export function canFail(pid) {
  return symbol(pid) !== undefined;
}

/** The next packet that the node's first worker protects or unprotects ends that worker. Needs the rights of a debugger. */
export function failFirstWorker(pid) {
  const offset = symbol(pid);
  const base = parseInt(readFileSync(`/proc/${pid}/maps`, 'utf8').split('-')[0], 16);
  const threads = readdirSync(`/proc/${pid}/task`).filter((id) => name(pid, id).startsWith('mediasoup-worke'));
  const thread = Math.min(...threads.map(Number));
  const value = Buffer.alloc(4);
  value.writeInt32LE(thread);
  const memory = openSync(`/proc/${pid}/mem`, 'r+');
  try {
    writeSync(memory, value, 0, 4, base + offset);
  } finally {
    closeSync(memory);
  }
}

const name = (pid, thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8');

function symbol(pid) {
  const binary = readlinkSync(`/proc/${pid}/exe`);
  const symbols = execFileSync('nm', ['--defined-only', binary], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const line = symbols.split('\n').find((line) => line.endsWith(` ${SYMBOL}`));
  return line && parseInt(line, 16);
}
