import assert from 'node:assert/strict';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { SubnetPool } from '../../../src/lib/docker/subnet-pool.js';
import { TaskNetworks } from '../../../src/lib/docker/task-networks.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';

const LABELS = { a: 'b' };

describe('the networks of tasks', () => {
  const { signal } = new AbortController();
  let engine: FakeDockerEngine;
  let networks: TaskNetworks;
  beforeEach(() => {
    engine = new FakeDockerEngine();
    networks = new TaskNetworks(engine, new SubnetPool('10.0.0.0/26'), 'the pool');
  });
  const occupy = async (subnet: string): Promise<string> =>
    (await engine.createNetwork({ name: subnet, subnet, gateway: '10.0.0.1', labels: {} })) ?? assert.fail();

  it('carry the labels they are found by, and are gone when they are disposed of', async () => {
    const network = await networks.create(LABELS, signal);
    assert.deepEqual(await engine.findNetworks(LABELS, signal), [{ id: network.id, labels: LABELS }]);
    const { name, subnet } = engine.networkSpecs.get(network.id) ?? assert.fail();
    assert.deepEqual([name, subnet], [network.name, network.subnet.cidr]);
    await network.dispose();
    assert.equal(engine.networks.size, 0);
  });

  it('keep off those of others', async () => {
    await occupy('10.0.0.0/28');
    await occupy('10.0.0.16/28');
    assert.equal((await networks.create(LABELS, signal)).subnet.cidr, '10.0.0.32/28');
  });

  it('never run out, however many come one after another', async () => {
    for (let count = 0; count < 60; count++) await (await networks.create(LABELS, signal)).dispose();
    assert.equal(engine.networks.size, 0);
  });

  it('say so when there is no room for another, and find it when there is again', async () => {
    const others = await occupy('10.0.0.48/28');
    const made = await Promise.all([1, 2, 3].map(() => networks.create(LABELS, signal)));
    assert.equal(new Set(made.map(({ subnet }) => subnet.cidr)).size, 3);
    await assert.rejects(networks.create(LABELS, signal), /no free network in the pool: 1 of its 4 subnets/);
    await engine.removeNetwork(others);
    assert.equal((await networks.create(LABELS, signal)).subnet.cidr, '10.0.0.48/28');
  });

  it('hold no subnet that the engine failed to make a network of', async () => {
    for (let count = 0; count < 9; count++) {
      engine.fail('createNetwork', new DockerError('no', 500));
      await assert.rejects(networks.create(LABELS, signal), /^DockerError: no$/);
    }
    await Promise.all([1, 2, 3, 4].map(() => networks.create(LABELS, signal)));
  });

  it('are not made for a run that was stopped', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(networks.create(LABELS, stopped), /stopped/);
    assert.equal(engine.trace.count('engine.createNetwork'), 0);
  });
});
