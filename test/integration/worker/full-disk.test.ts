import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SmallDisk } from '../../support/small-disk.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a disk that is full', () => {
  let disk: SmallDisk;
  let harness: WorkerHarness;

  before(async function () {
    disk = await SmallDisk.mount(this, 2);
    harness = await WorkerHarness.start({ settings: { dockerVolume: disk.directory } });
  });
  after(async () => {
    await harness.close();
    await disk.unmount();
  });

  it('ends a task whose log does not fit as internal-error at once; the next one runs', async () => {
    const { run: full, log } = await harness.run({
      command: ['/bin/sh', '-c', 'seq 1 1000000; sleep 600'],
      maxRunTime: 600,
    });
    assert.deepEqual([full.state, full.reasonResolved], ['exception', 'internal-error']);
    assert.match(log, /\n1\r\n2\r\n3\r\n/);
    assert.match(String(harness.log.of('task log could not be written')[0]?.fields['error']), /ENOSPC/);
    // The slot is free before the disk is.
    const runs = join(disk.directory, 'tmp', 'docker-worker-runs', harness.workerId);
    while ((await readdir(runs)).length > 0);
    const next = await harness.run({ command: ['echo', 'room again'] });
    assert.equal(next.run.state, 'completed');
    assert.match(next.log, /\nroom again\r\n/);
  });
});
