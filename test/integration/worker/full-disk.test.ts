import assert from 'node:assert/strict';
import { SmallDisk } from '../../support/small-disk.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a disk that cannot be written', () => {
  let disk: SmallDisk;
  let harness: WorkerHarness;

  before(async function () {
    disk = await SmallDisk.mount(this, 2);
    harness = await WorkerHarness.start({
      settings: { dockerVolume: disk.directory },
      // An open claim is not withdrawn when the disk fails.
      taskcluster: { longPollMs: 100 },
    });
  });
  after(async () => {
    await harness.close();
    await disk.unmount();
  });

  it('keeps tasks waiting when it is read-only, and the operator is told once', async () => {
    await disk.makeReadOnly();
    let writableAt: Date;
    let taskId: string;
    try {
      await harness.log.next('files not writable');
      taskId = await harness.create({ command: ['echo', 'at last'] });
      assert.equal((await harness.queue.status(taskId)).status.state, 'pending');
    } finally {
      writableAt = new Date();
      await disk.makeWritable();
    }
    const { run } = await harness.finish(taskId);
    assert.equal(run.state, 'completed');
    assert.ok(new Date(run.started ?? 0) >= writableAt, `${run.started} is before ${writableAt.toISOString()}`);
    for (const event of ['files not writable', 'files writable again']) {
      assert.equal(harness.log.of(event).length, 1, event);
    }
  });

  it('ends a task whose log does not fit as internal-error at once; the next task runs', async () => {
    const { run: full, log } = await harness.run({
      command: ['/bin/sh', '-c', 'seq 1 1000000; sleep 600'],
      maxRunTime: 600,
    });
    assert.deepEqual([full.state, full.reasonResolved], ['exception', 'internal-error']);
    assert.match(log, /\n1\r\n2\r\n3\r\n/);
    assert.match(String(harness.log.of('task log not written')[0]?.fields['error']), /ENOSPC/);
    // Its slot is free before the disk has space: nothing is claimed until then.
    const next = await harness.run({ command: ['echo', 'room again'] });
    assert.equal(next.run.state, 'completed');
    assert.match(next.log, /\nroom again\r\n/);
  });
});
