import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { queryObjects } from 'node:v8';
import { Reclaimer } from '../../../src/lib/task/reclaimer.js';
import { RunEntry } from '../../../src/lib/task/run-journal.js';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

/** Each takes about a second, as it visits all objects; meanwhile pending work can end. */
const LOOKS = 40;
const PAUSE_MS = 500;

describe('the memory of a worker', () => {
  let stateDir: string;
  let harness: WorkerHarness;

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'memory-of-runs-'));
    harness = await WorkerHarness.start({ settings: { capacity: 1, stateDir } });
  });
  after(async () => {
    await harness.close();
    await rm(stateDir, { recursive: true });
  });

  /** The numbers of reachable objects of classes with one instance for each run. */
  const alive = (): readonly unknown[] => {
    // Logged errors refer to them by their stacks.
    harness.log.records.length = 0;
    return [Reclaimer, RunEntry, TaskLog].map((each) => queryObjects(each, { format: 'count' }));
  };

  it('holds no objects of ended runs', async () => {
    const before = alive();
    const artifacts = { 'public/file': { type: 'file', path: '/etc/passwd' } };
    const scopes = ['docker-worker:cache:*'];
    await harness.run({ ...shell('echo yes'), cache: { some: '/cache' }, artifacts }, { scopes });
    await harness.run({ ...shell('exit 3'), features: { taskclusterProxy: true } });
    await harness.run({ bogus: true });
    const taskId = await harness.create(shell('echo running; sleep 600'));
    await harness.sees(taskId, 'running');
    await harness.queue.cancelTask(taskId);
    await harness.run({ ...shell('sleep 600'), maxRunTime: 1 });
    // The record of a run is removed last.
    await until('no record of a run', () => readdir(join(stateDir, 'runs')), { isDone: ({ length }) => length === 0 });
    // The worker may not have noticed yet that it is gone. A leak is still there at the last look.
    for (let look = 1; look < LOOKS && !isDeepStrictEqual(alive(), before); look += 1) await sleep(PAUSE_MS);
    assert.deepEqual(alive(), before);
  });
});
