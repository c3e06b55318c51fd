import type { ThreadClock } from './thread-clock.js';

/** CPU time that the yardstick takes on a machine of ordinary speed. */
const ORDINARY_MS = 60;
const TEXT = `${'key value 0123456789 '.repeat(2000)}\n`;
const ROUNDS = 40;

/**
 * How many times slower than an ordinary one this machine is now, 1 at least: a core that is shared with a busy
 * neighbour needs more CPU time for the same work. Takes some hundredths of a second.
 */
export function slowness(clock: ThreadClock): number {
  const before = clock();
  let length = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const words = JSON.parse(JSON.stringify(TEXT.split(' '))) as string[];
    length += words.filter((word) => /^[a-z]+$/.test(word)).length;
  }
  if (length === 0) throw new Error('the yardstick did not run');
  return Math.max(1, (clock().cpuMs - before.cpuMs) / ORDINARY_MS);
}
