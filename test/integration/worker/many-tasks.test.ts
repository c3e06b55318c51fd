import assert from 'node:assert/strict';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

interface Kind {
  readonly payload: object;
  /** How each run of the task ends, in order. */
  readonly ends: readonly string[];
  /** Matches the log of the last run that has one. */
  readonly log: RegExp;
  readonly cancel?: 'pending' | 'running';
}

const KINDS: Readonly<Record<string, Kind>> = {
  success: { payload: shell('echo done'), ends: ['completed'], log: /\ndone\r\n/ },
  artifacts: {
    payload: {
      ...shell('mkdir /out; for n in $(seq 20); do echo $n > /out/$n; done'),
      artifacts: { 'public/out': { type: 'directory', path: '/out' }, 'public/no': { type: 'file', path: '/no' } },
    },
    ends: ['completed'],
    log: /"public\/no" not found at "\/no"[\s\S]*Successful task run/,
  },
  failure: { payload: shell('exit 9'), ends: ['failed'], log: /exit code: 9 / },
  intermittent: {
    payload: { ...shell('exit $((7 * (RUN_ID < 1)))'), onExitStatus: { retry: [7] } },
    ends: ['intermittent-task', 'completed'],
    log: /Successful task run/,
  },
  timeout: { payload: { ...shell('sleep 600'), maxRunTime: 1 }, ends: ['failed'], log: /Task timeout after 1 seconds/ },
  malformed: { payload: { bogus: true }, ends: ['malformed-payload'], log: /NOT have additional properties/ },
  noImage: {
    payload: { image: '127.0.0.1:1/no/such:image' },
    ends: ['failed'],
    log: /Pulling docker image has failed/,
  },
  badCommand: { payload: { command: ['/no/such'] }, ends: ['failed'], log: /Failure to properly start/ },
  canceled: { payload: shell('sleep 600'), ends: ['canceled'], log: /Task was canceled/, cancel: 'running' },
  // It never runs, so it has no log.
  canceledEarly: { payload: shell('sleep 600'), ends: ['canceled'], log: /^$/, cancel: 'pending' },
};

const TASKS = 60;

describe('sixty tasks that end in every way, four at a time', () => {
  it('all end as expected, without alerts', async () => {
    const settings = { capacity: 4, dockerConfig: { maxAttempts: 2, delayFactor: 10 } };
    const harness = await WorkerHarness.start({ settings });
    try {
      const names = Object.keys(KINDS);
      const tasks = await Promise.all(
        Array.from({ length: TASKS }, async (_, number) => {
          const name = names[number % names.length] ?? '';
          const kind = KINDS[name] ?? assert.fail();
          const taskId = await harness.create(kind.payload);
          if (kind.cancel === 'pending') await harness.queue.cancelTask(taskId);
          const isCanceled = kind.cancel === 'running' ? cancelWhenRunning(harness, taskId) : Promise.resolve();
          return { name, kind, taskId, isCanceled };
        }),
      );
      // One after the other: polling all of them at once would slow down the queue.
      for (const task of tasks) {
        await task.isCanceled;
        if (task.kind.cancel !== 'pending') await harness.log.next('task resolved', task.taskId);
        assert.equal(await problemOf(harness, task), undefined);
      }
      assert.deepEqual(
        harness.log.records.filter(({ level }) => level === 'alert'),
        [],
      );
    } finally {
      await harness.close();
    }
  }).timeout(900_000);
});

async function problemOf(
  harness: WorkerHarness,
  { name, kind, taskId }: { readonly name: string; readonly kind: Kind; readonly taskId: string },
): Promise<string | undefined> {
  const runs = await resolutionsOf(harness, taskId, kind.ends.length);
  if (runs.join() !== kind.ends.join()) return `${name} ${taskId}: ${runs.join()} instead of ${kind.ends.join()}`;
  if (kind.cancel === 'pending') return undefined;
  const log = await logOf(harness, taskId);
  return kind.log.test(log) ? undefined : `${name} ${taskId}: no ${String(kind.log)} in\n${log}`;
}

async function cancelWhenRunning(harness: WorkerHarness, taskId: string): Promise<void> {
  await harness.log.next('task run', taskId);
  await harness.queue.cancelTask(taskId);
}

async function resolutionsOf(harness: WorkerHarness, taskId: string, count: number): Promise<readonly string[]> {
  const { runs } = await until(`${count} runs are resolved`, async () => (await harness.queue.status(taskId)).status, {
    isDone: ({ runs: all }) => all.length >= count && all.every(({ resolved }) => resolved !== undefined),
    timeoutMs: 240_000,
  });
  return runs.map((run) => run.reasonResolved ?? '');
}

/** The whole log of the last run; that of a canceled run is published a moment after its end. */
async function logOf(harness: WorkerHarness, taskId: string): Promise<string> {
  await until('the log is a link', async () => (await harness.queue.listLatestArtifacts(taskId)).artifacts, {
    isDone: (all) => all.some(({ name, storageType }) => name === 'public/logs/live.log' && storageType === 'link'),
  });
  return await harness.latestArtifactText(taskId, 'public/logs/live_backing.log');
}
