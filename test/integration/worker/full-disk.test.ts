import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { skipBecause } from '../../support/skip-because.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const run = promisify(execFile);

describe('a disk that is full', () => {
  let directory: string;
  let harness: WorkerHarness | undefined;

  before(async function () {
    directory = await mkdtemp(join(tmpdir(), 'full-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory]);
    } catch (error) {
      skipBecause(this, `this machine lets nobody mount a small file system: ${String(error)}`);
    }
    harness = await WorkerHarness.start({ settings: { dockerVolume: directory } });
  });
  after(async () => {
    if (harness) {
      await harness.close();
      await run('umount', [directory]);
    }
    await rm(directory, { recursive: true });
  });

  it('ends a task whose log does not fit as internal-error at once; the next one runs', async () => {
    assert.ok(harness);
    const { run: full, log } = await harness.run({
      command: ['/bin/sh', '-c', 'seq 1 1000000; sleep 600'],
      maxRunTime: 600,
    });
    assert.deepEqual([full.state, full.reasonResolved], ['exception', 'internal-error']);
    assert.match(log, /\n1\r\n2\r\n3\r\n/);
    assert.match(String(harness.log.of('task log could not be written')[0]?.fields['error']), /ENOSPC/);
    // The slot is free before the disk is.
    const runs = join(directory, 'tmp', 'docker-worker-runs', harness.workerId);
    while ((await readdir(runs)).length > 0);
    const next = await harness.run({ command: ['echo', 'room again'] });
    assert.equal(next.run.state, 'completed');
    assert.match(next.log, /\nroom again\r\n/);
  });
});
