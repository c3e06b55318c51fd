import assert from 'node:assert/strict';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('the names of artifacts', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 4 } });
  });
  after(() => harness.close());

  it("cannot be those of the task's log, even for a file in a directory", async () => {
    const { taskId, run, log } = await harness.run({
      ...shell('mkdir -p /d/logs; echo forged >/d/logs/live_backing.log; echo forged >/d/logs/live.log; echo ok >/d/a'),
      artifacts: { public: { type: 'directory', path: '/d' } },
    });
    assert.equal(run.state, 'failed');
    assert.match(log, /names are taken: "public\/logs\/live(_backing)?\.log" is published by the worker itself/);
    assert.equal(await harness.artifactText(taskId, 'public/logs/live_backing.log'), log);
    assert.equal(await harness.artifactText(taskId, 'public/a'), 'ok\n');
  });

  for (const name of ['public/../x', 'public/./x', '..', "it's"]) {
    it(`are logged as invalid and not sent to the queue: ${name}`, async () => {
      const { taskId, run, log } = await harness.run({
        ...shell('echo x >/x'),
        artifacts: { [name]: { type: 'file', path: '/x' } },
      });
      assert.equal(run.state, 'completed');
      assert.ok(log.includes(`Artifact "${name}" was not uploaded: the name of an artifact may hold`), log);
      assert.ok(!(await harness.artifactNames(taskId)).includes(name));
      assert.equal(harness.log.of('retrying artifact upload').length, 0);
    });
  }

  for (const name of ['a//b', '/a', 'a/', 'a\\b', 'a b%2e%2e?#&+~', '...', 'p/..x', '"<>|*:;^`{}[]$@!=,']) {
    it(`may be unusual: ${name}`, async () => {
      const { taskId, run, log } = await harness.run({
        ...shell('echo x >/x'),
        artifacts: { [name]: { type: 'file', path: '/x' } },
      });
      assert.equal(run.state, 'completed', log);
      assert.equal(await harness.artifactText(taskId, name), 'x\n');
    });
  }

  it('are checked for the log too, which is then published under the default name', async () => {
    const { taskId, run, log } = await harness.run({ log: 'public/../x.log' });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /data\/log should not have an empty part/);
    const names = await harness.artifactNames(taskId);
    assert.deepEqual(names, ['public/logs/live.log', 'public/logs/live_backing.log']);
  });
});
