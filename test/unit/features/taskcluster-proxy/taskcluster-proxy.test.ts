import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { RunNetworks } from '../../../../src/lib/docker/run-networks.js';
import { taskclusterProxy } from '../../../../src/lib/features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../../../../src/lib/features/taskcluster-proxy/upstream.js';
import { TaskError } from '../../../../src/lib/outcome/errors.js';
import { taskNetworks } from '../../../fakes/task-networks.js';
import { freePort } from '../../../support/free-port.js';
import { RunFixture } from '../../task/run-fixture.js';
import { PAYLOAD } from '../../task/task-fixture.js';

const ASKING = { ...PAYLOAD, features: { taskclusterProxy: true } };
// Every address in it belongs to this machine.
const LOOPBACK = '127.77.0.0/28';

describe('the feature taskclusterProxy', () => {
  const upstream = new Upstream();
  let run: RunFixture;
  let networks: RunNetworks;
  let port: number;
  const start = async (pool = LOOPBACK): Promise<void> => {
    port = await freePort();
    run = await RunFixture.create({
      features: () => [
        taskclusterProxy({
          networks: {
            join: (...args) => networks.join(...args),
            rejoin: (...args) => networks.rejoin(...args),
          },
          upstream,
          port,
          maxBodyBytes: 1000,
        }),
      ],
    });
    networks = new RunNetworks(taskNetworks(run.engine, pool));
  };
  afterEach(async () => {
    assert.equal(run.engine.networks.size, 0, 'networks are left');
    await run.remove();
  });
  after(() => {
    upstream.close();
  });

  it('gives the container a network, a name and an address for the proxy', async () => {
    await start();
    run.trace.at('container.started', () => {
      const [[, spec] = assert.fail()] = run.engine.networkSpecs;
      assert.deepEqual(run.engine.specs[0]?.network, { name: spec.name, address: '127.77.0.14' });
    });
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    const { env, extraHosts } = run.engine.specs[0] ?? assert.fail();
    assert.equal(env['TASKCLUSTER_PROXY_URL'], `http://taskcluster:${port}`);
    assert.ok(extraHosts.includes('taskcluster:127.77.0.1'));
  });

  it('is not started for tasks that do not request it', async () => {
    await start();
    await run.run(PAYLOAD);
    assert.equal(run.trace.count('engine.createNetwork'), 0);
    assert.equal(run.engine.specs[0]?.network, undefined);
  });

  it('removes the network after the container', async () => {
    await start();
    await run.run(ASKING);
    const order = run.trace.events.filter((event) => ['engine.remove', 'engine.removeNetwork'].includes(event));
    assert.deepEqual(order, ['engine.remove', 'engine.removeNetwork']);
  });

  it('leaves nothing when the run is stopped or its image can’t be fetched', async () => {
    for (const event of ['engine.createNetwork', 'engine.create', 'container.started']) {
      await start();
      run.stopAt(event, 'canceled');
      await run.run(ASKING);
      assert.equal(run.engine.networks.size, 0, event);
      await run.remove();
    }
    await start();
    run.images.beforeAcquire = () => Promise.reject(TaskError.failed('no such image'));
    await run.run(ASKING);
  });

  it('tells author and operator when the port is taken', async () => {
    await start();
    const other = createServer().listen(port, '0.0.0.0');
    await once(other, 'listening');
    await run.run(ASKING);
    other.close();
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    assert.match(
      run.text,
      /taskclusterProxy: the proxy cannot listen: .*EADDRINUSE.*\. Another program on the worker's/,
    );
    assert.equal(run.log.of('taskcluster proxy cannot listen').length, 1);
  });

  it('tells the author when the engine’s networks are not on this machine', async () => {
    await start('192.0.2.64/28');
    await run.run(ASKING);
    assert.match(run.text, /EADDRNOTAVAIL.*\. The worker must run on the Docker engine's machine/);
  });

  it('has an unremoved network cleaned up before the next claim', async () => {
    await start();
    run.engine.fail('removeNetwork', new Error('busy'));
    await run.run(ASKING);
    assert.equal(run.orphans, 1);
    assert.equal(run.log.of('resource not released').length, 1);
    run.engine.networks.clear();
  });
});
