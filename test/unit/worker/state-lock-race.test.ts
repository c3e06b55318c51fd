import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StateLock } from '../../../src/lib/worker/state-lock.js';
import type { Random } from '../../chaos/random.js';
import { seededRandom } from '../../support/seeded-random.js';
import type { Answer, Order } from '../../support/lock-contender.js';

const CONTENDER = fileURLToPath(new URL('../../support/lock-contender.ts', import.meta.url));
const CONTENDERS = 5;
const ROUNDS = 100;
const ROUNDS_WITH_KILLS = 5;
/** The holder of a lock that a crash left: no process has this start time. */
const STALE = JSON.stringify({ pid: 1, startTicks: '0', bootId: 'an earlier boot' });
const LONGEST_DELAY_MS = 4;

describe('StateLock, when several processes acquire it at once', () => {
  let root: string;
  let contenders: ChildProcess[] = [];
  let random: Random;

  beforeEach(async () => {
    random = seededRandom();
    root = await mkdtemp(join(tmpdir(), 'lock-race-'));
    contenders = await Promise.all(Array.from({ length: CONTENDERS }, spawnContender));
  });
  afterEach(async () => {
    await Promise.all(contenders.map(kill));
    await rm(root, { recursive: true, force: true });
  });

  async function spawnContender(): Promise<ChildProcess> {
    const child = fork(CONTENDER, { execArgv: ['--import', 'tsx'] });
    await once(child, 'message');
    return child;
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves to undefined if the process was killed before it answered. */
  async function order(child: ChildProcess, what: Order): Promise<Answer | undefined> {
    const over = new AbortController();
    const heard = once(child, 'message', { signal: over.signal }).then(([answer]) => answer as Answer);
    const gone = once(child, 'exit', { signal: over.signal }).then(() => undefined);
    child.send(what);
    const answer = await Promise.race([heard, gone]);
    over.abort();
    await Promise.allSettled([heard, gone]);
    return answer;
  }

  async function staleDirectory(round: number): Promise<string> {
    const directory = join(root, String(round));
    await mkdir(directory);
    await writeFile(join(directory, 'worker.pid'), STALE);
    return directory;
  }

  it('is acquired by exactly one of them, also after a crash left a stale lock', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const directory = await staleDirectory(round);
      const answers = await Promise.all(
        contenders.map((child) => order(child, { acquire: directory, delayMs: random.between(0, LONGEST_DELAY_MS) })),
      );
      const holders = contenders.filter((_, index) => answers[index] === 'held');
      assert.equal(holders.length, 1, `round ${round}: ${answers.join()}`);
      assert.deepEqual(await readdir(directory), ['worker.pid']);
      await Promise.all(holders.map((child) => order(child, 'release')));
      assert.deepEqual(await readdir(directory), []);
    }
  });

  it('is free again after any of them was killed at any time', async () => {
    for (let round = 0; round < ROUNDS_WITH_KILLS; round++) {
      const directory = await staleDirectory(round);
      const asked = contenders.map((child) =>
        order(child, { acquire: directory, delayMs: random.between(0, LONGEST_DELAY_MS) }),
      );
      const victims = contenders.filter(() => random.next() < 0.4);
      await new Promise((resolve) => setTimeout(resolve, random.between(0, 3 * LONGEST_DELAY_MS)));
      await Promise.all(victims.map(kill));
      const answers = await Promise.all(asked);
      const holders = contenders.filter((child, index) => answers[index] === 'held' && !victims.includes(child));
      assert.ok(holders.length <= 1, `round ${round}: ${answers.join()}`);
      await Promise.all(holders.map((child) => order(child, 'release')));
      await (await StateLock.acquire(directory)).release();
      assert.deepEqual(await readdir(directory), []);
      contenders = await Promise.all(
        contenders.map(async (child) => (victims.includes(child) ? await spawnContender() : child)),
      );
    }
  });
});
