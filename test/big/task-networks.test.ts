import assert from 'node:assert/strict';
import { WorkerHarness } from '../support/worker-harness.js';
import { shell } from '../support/test-task.js';

describe('tasks with networks of their own', function () {
  this.timeout(900_000);

  it('may be any number, one after another: no pool runs out and no network stays', async () => {
    const harness = await WorkerHarness.start();
    const filters = { label: [`taskcluster.worker-id=${harness.workerId}`] };
    const ask = shell('wget -q -O - $TASKCLUSTER_PROXY_URL/queue/v1/ping');
    for (let count = 0; count < 60; count++) {
      const { run, log } = await harness.run({ ...ask, features: { taskclusterProxy: true } });
      assert.equal(run.state, 'completed', log);
    }
    await harness.stopWorker('graceful');
    assert.deepEqual(await harness.docker.listNetworks({ filters }), []);
    assert.equal(harness.log.of('taskcluster proxy started').length, 60);
    await harness.close();
  });
});
