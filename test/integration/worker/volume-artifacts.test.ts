import assert from 'node:assert/strict';
import { shell } from '../../support/test-task.js';
import { timedOutTask } from '../../support/timed-out-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('artifacts of type volume', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 2 } });
  });
  after(() => harness.close());

  it('contain the regular files that any user of the container leaves there, and nothing else', async () => {
    const { taskId, run, log } = await harness.run({
      image: 'docker-worker/test-entrypoint:latest',
      ...shell(
        `id -u; cd /vol/out; mkdir sub; echo one >1.txt; echo two >sub/2; ln 1.txt sub/again; mkfifo fifo;
         ln -s /etc/passwd passwd; ln -s / root; ln -s ../../../../../../../.. up; ls -ld /vol/out`,
      ),
      artifacts: {
        'public/vol': { type: 'volume', path: '/vol/out/' },
        'public/one': { type: 'file', path: '/vol/out/1.txt' },
      },
    });
    assert.equal(run.state, 'completed', log);
    assert.deepEqual(
      (await harness.artifactNames(taskId)).filter((name) => !name.startsWith('public/logs/')),
      ['public/one', 'public/vol/1.txt', 'public/vol/sub/2', 'public/vol/sub/again'],
    );
    assert.equal(await harness.artifactText(taskId, 'public/vol/sub/again'), 'one\n');
    assert.match(log, /skipped (3 symlinks and 1 device or socket|1 device or socket and 3 symlinks); only files/);
    assert.match(log, /Uploaded artifact "public\/vol" from "\/vol\/out\/": 3 files, 12 bytes/);
  });

  it('are uploaded after maxRunTime too', async () => {
    const { taskId, run } = await timedOutTask(harness, 'echo so far >/v/x', {
      artifacts: { 'public/v': { type: 'volume', path: '/v' } },
    });
    assert.equal(run.state, 'failed');
    assert.equal(await harness.artifactText(taskId, 'public/v/x'), 'so far\n');
  });

  it('are malformed-payload at a path where nothing can be mounted', async () => {
    const { run, log } = await harness.run({ artifacts: { 'public/v': { type: 'volume', path: 'relative' } } });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /data\/artifacts\/public\/v\/path should be an absolute path below \//);
  });
});
