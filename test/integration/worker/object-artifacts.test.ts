import assert from 'node:assert/strict';
import got from 'got';
import type { Fault } from '../../../src/local-taskcluster/faults/fault.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const FAULTS: Readonly<Record<string, Fault>> = {
  '500': { kind: 'status', status: 500 },
  '403': { kind: 'status', status: 403 },
  'reset before': { kind: 'reset-before' },
  'reset after': { kind: 'reset-after' },
  garbage: { kind: 'garbage' },
  'garbage, no effect': { kind: 'garbage', effect: false },
};
/** A refusal by the queue is final; and its answer to finishArtifact is empty, so garbage cannot be told from it. */
const FINAL = ['403', 'garbage, no effect'];
const HANG: Fault = { kind: 'hang' };
const CALLS = ['object.createUpload', 'objects.PUT', 'object.finishUpload', 'queue.finishArtifact'];

/** Makes files small enough to be sent inline, too large for that, and too large for memory. */
const TASK = {
  command: ['/bin/sh', '-c', 'mkdir /d; echo little >/d/a.txt; seq 1 9000 >/d/b; seq 1 400000 >/d/c; echo said'],
  artifacts: { 'public/d': { type: 'directory', path: '/d' }, 'public/none': { type: 'file', path: '/none' } },
  features: { bulkLog: true },
};
const lines = (last: number): string => Array.from({ length: last }, (_, i) => `${i + 1}\n`).join('');

describe('artifacts in the object service', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({
      settings: {
        capacity: 8,
        // Only hangs should last so long, even if queue, store and worker share one process on a busy machine.
        taskQueue: { pollInterval: 50, callTimeout: 10_000 },
        artifacts: { storageType: 'object', inactivityTimeout: 10_000 },
      },
    });
  });
  after(() => harness.close());

  const checkAll = async (taskId: string): Promise<void> => {
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const kinds = Object.fromEntries(artifacts.map(({ name, storageType }) => [name, storageType]));
    assert.deepEqual(kinds, {
      'public/d/a.txt': 'object',
      'public/d/b': 'object',
      'public/d/c': 'object',
      'public/logs/live.log': 'link',
      'public/logs/live_backing.log': 'object',
      'public/logs/terminal_bulk.log.gz': 'object',
      'public/none': 'error',
    });
    assert.equal(await harness.artifactText(taskId, 'public/d/a.txt'), 'little\n');
    assert.equal(await harness.artifactText(taskId, 'public/d/b'), lines(9000));
    assert.equal(await harness.artifactText(taskId, 'public/d/c'), lines(400_000));
    assert.match(await harness.artifactText(taskId, 'public/logs/terminal_bulk.log.gz'), /said\r\n/);
  };

  it('are all published uncompressed, including the log', async () => {
    const { taskId, run, log } = await harness.run(TASK);
    assert.equal(run.state, 'completed', log);
    await checkAll(taskId);
    assert.match(log, /Successful task run with exit code: 0/);
    const { queue } = harness;
    const { headers } = await got(queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/d/b'));
    assert.deepEqual([headers['content-encoding'], headers['content-length']], [undefined, String(lines(9000).length)]);
  });

  /** Runs a task for each fault; it does not matter which task gets which fault. */
  const checkAllWith = async (faults: readonly { readonly call: string; readonly fault: Fault }[]): Promise<void> => {
    const rules = faults.map((fault) => harness.taskcluster.faults.add(fault));
    const tasks = await Promise.all(faults.map(() => harness.run(TASK)));
    for (const { taskId, run, log } of tasks) {
      assert.equal(run.state, 'completed', log);
      await checkAll(taskId);
    }
    assert.deepEqual(
      rules.map(({ hits }) => hits),
      faults.map(() => 1),
    );
  };

  for (const call of CALLS) {
    it(`are all published after a fault in ${call}`, async () => {
      const faults = Object.entries(FAULTS).filter(
        ([name]) => call !== 'queue.finishArtifact' || !FINAL.includes(name),
      );
      await checkAllWith(faults.map(([, fault]) => ({ call, fault })));
    });
  }

  it('are all published when calls are not answered', async () => {
    await checkAllWith(CALLS.map((call) => ({ call, fault: HANG })));
  });

  it('cause an internal-error when the object service keeps refusing them', async () => {
    const rule = harness.taskcluster.faults.add({
      call: 'object.createUpload',
      fault: { kind: 'status', status: 400 },
      times: 100,
    });
    const { run } = await harness.run(TASK);
    assert.equal(run.reasonResolved, 'internal-error');
    rule.remove();
  });
});
