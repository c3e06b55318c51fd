import assert from 'node:assert/strict';
import { FakeRegistry, knowsNoImage } from '../../support/fake-registry.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('the image of a task', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { dockerConfig: { maxAttempts: 3, delayFactor: 10 } } });
  });
  after(() => harness.close());

  it('fails the task at once when its registry does not have it', async () => {
    const registry = await FakeRegistry.start(knowsNoImage);
    try {
      const image = `${registry.host}/no/such:image`;
      const { run, log } = await harness.run({ image });
      assert.equal(run.state, 'failed');
      assert.match(log, new RegExp(`Pulling image "${image}"`));
      assert.match(
        log,
        /\[taskcluster:error\] Pulling docker image has failed\.\n\[taskcluster:error\] Error: .*manifest/,
      );
      assert.match(log, /1 attempt\)\. Check the name of the image/);
    } finally {
      await registry.close();
    }
  });

  it('is retried when its registry returns errors, and then fails the task', async () => {
    const registry = await FakeRegistry.start((response) => response.writeHead(503).end('later'));
    try {
      const { run, log } = await harness.run({ image: `${registry.host}/some/image:latest` });
      assert.equal(run.state, 'failed');
      assert.match(log, /Pulling failed \(attempt 2\)/);
      assert.match(log, /Pulling docker image has failed\.\n\[taskcluster:error\] Error: .*3 attempts\)/);
    } finally {
      await registry.close();
    }
  });

  it('fails the task when its name is invalid', async () => {
    const { run, log } = await harness.run({ image: 'NOT//an image!' });
    assert.equal(run.state, 'failed');
    assert.match(log, /Pulling docker image has failed\.\n\[taskcluster:error\] Error: invalid reference format/);
  });

  it('may be given as an object', async () => {
    const { run } = await harness.run({ image: { type: 'docker-image', name: 'docker-worker/test' } });
    assert.equal(run.state, 'completed');
  });
});
