import assert from 'node:assert/strict';
import { DockerError, LABEL } from '../../../src/lib/docker/engine.js';
import type { ContainerSpec } from '../../../src/lib/docker/engine.js';
import type { TaskNetwork, TaskNetworks } from '../../../src/lib/docker/task-networks.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { NETWORK_LABELS, taskNetworks } from '../../fakes/task-networks.js';
import { IMAGE } from '../task/task-fixture.js';

const POOL = '10.0.0.0/26';

describe('the networks of tasks', () => {
  const { signal } = new AbortController();
  let engine: FakeDockerEngine;
  let networks: TaskNetworks;
  beforeEach(() => {
    engine = new FakeDockerEngine();
    networks = taskNetworks(engine, POOL);
  });
  const occupy = async (subnet: string): Promise<string> =>
    (await engine.createNetwork({ name: subnet, subnet, gateway: '10.0.0.1', labels: {} })) ?? assert.fail();

  it('carry the labels they are found by, and are removed when released', async () => {
    const network = await networks.take(signal);
    const [{ id, labels } = assert.fail()] = await engine.findNetworks(NETWORK_LABELS, signal);
    assert.equal(id, network.id);
    assert.ok(networks.holds(labels));
    const { name, subnet } = engine.networkSpecs.get(network.id) ?? assert.fail();
    assert.deepEqual([name, subnet], [network.name, network.subnet.cidr]);
    assert.deepEqual(labels, { ...NETWORK_LABELS, [LABEL.network]: name });
    await network.dispose();
    assert.equal(engine.networks.size, 0);
    assert.ok(!networks.holds(labels));
  });

  it('do not overlap other networks', async () => {
    await occupy('10.0.0.0/28');
    await occupy('10.0.0.16/28');
    assert.equal((await networks.take(signal)).subnet.cidr, '10.0.0.32/28');
  });

  it('never run out, however many follow one another', async () => {
    for (let count = 0; count < 60; count++) await (await networks.take(signal)).dispose();
    assert.equal(engine.networks.size, 0);
  });

  it('fail if no subnet is free, and succeed once one is released', async () => {
    const others = await occupy('10.0.0.48/28');
    const made = await Promise.all([1, 2, 3].map(() => networks.take(signal)));
    assert.equal(new Set(made.map(({ subnet }) => subnet.cidr)).size, 3);
    await assert.rejects(networks.take(signal), /no free network in the pool: 1 of its 4 subnets/);
    await engine.removeNetwork(others);
    assert.equal((await networks.take(signal)).subnet.cidr, '10.0.0.48/28');
  });

  it('release the subnet if the engine fails to create a network', async () => {
    for (let count = 0; count < 9; count++) {
      engine.fail('createNetwork', new DockerError('no', 500));
      await assert.rejects(networks.take(signal), /^DockerError: no$/);
    }
    await Promise.all([1, 2, 3, 4].map(() => networks.take(signal)));
  });

  it('are not created for a stopped run', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(networks.take(stopped), /stopped/);
    assert.equal(engine.trace.count('engine.createNetwork'), 0);
  });

  it('are not orphans while the engine creates them', async () => {
    const createNetwork = engine.createNetwork.bind(engine);
    const wereHeld: boolean[] = [];
    engine.createNetwork = async (spec) => {
      wereHeld.push(networks.holds(spec.labels));
      return await createNetwork(spec);
    };
    await networks.take(signal);
    assert.deepEqual(wereHeld, [true]);
  });

  describe('that a previous worker created', () => {
    let name: string;
    let before: TaskNetwork;
    beforeEach(async () => {
      before = await networks.take(signal);
      ({ name } = before);
      networks = taskNetworks(engine, POOL);
    });
    const labels = () => engine.networks.get(before.id) ?? assert.fail('it is gone');

    it('are acquired by name, and removed when released', async () => {
      assert.ok(!networks.holds(labels()));
      const again = await networks.reacquire(name, signal);
      assert.deepEqual([again.id, again.subnet], [before.id, before.subnet]);
      assert.ok(networks.holds(labels()));
      await again.dispose();
      assert.equal(engine.networks.size, 0);
      assert.equal(engine.trace.count('engine.createNetwork'), 1);
    });

    it('keep their subnets until they are released', async () => {
      const again = await networks.reacquire(name, signal);
      const created = await Promise.all([1, 2, 3].map(() => networks.take(signal)));
      assert.ok(created.every(({ subnet }) => subnet.cidr !== before.subnet.cidr));
      await assert.rejects(networks.take(signal), /0 of its 4 subnets overlap/);
      await again.dispose();
      assert.deepEqual((await networks.take(signal)).subnet, before.subnet);
    });

    it('are not orphans while they are looked for', async () => {
      const wereHeld: boolean[] = [];
      const findNetwork = engine.findNetwork.bind(engine);
      engine.findNetwork = async (...args) => {
        wereHeld.push(networks.holds(labels()));
        return await findNetwork(...args);
      };
      await networks.reacquire(name, signal);
      assert.deepEqual(wereHeld, [true]);
    });

    it('are used without a lease if the pool is another one now, and not kept', async () => {
      networks = taskNetworks(engine, '10.9.0.0/28', { spareMs: 5000 });
      const again = await networks.reacquire(name, signal);
      assert.deepEqual(again.subnet, before.subnet);
      assert.equal((await networks.take(signal)).subnet.cidr, '10.9.0.0/28');
      await again.dispose();
      assert.ok(!engine.networks.has(before.id));
    });

    it('are refused, finally, if they are gone or another worker’s', async () => {
      const gone = { name: 'DockerError', message: `the run's network ${name} is gone`, retryable: false };
      const others = taskNetworks(engine, POOL, { labels: { 'taskcluster.worker-id': 'another' } });
      await assert.rejects(others.reacquire(name, signal), gone);
      assert.ok(!others.holds(labels()));
      await engine.removeNetwork(before.id);
      await assert.rejects(networks.reacquire(name, signal), gone);
    });

    it('are refused, finally, to a second user', async () => {
      await networks.reacquire(name, signal);
      const refusal = { name: 'DockerError', message: `the run's network ${name} is held already`, retryable: false };
      await assert.rejects(networks.reacquire(name, signal), refusal);
      assert.ok(networks.holds(labels()));
    });

    it('are refused, finally, with a subnet of another size', async () => {
      const spec = engine.networkSpecs.get(before.id) ?? assert.fail();
      engine.networkSpecs.set(before.id, { ...spec, subnet: '10.0.0.0/24' });
      await assert.rejects(networks.reacquire(name, signal), { retryable: false });
      assert.ok(!networks.holds(labels()));
    });

    it('can be acquired once the engine answers again', async () => {
      engine.fail('findNetwork', new DockerError('busy', 500));
      await assert.rejects(networks.reacquire(name, signal), { message: 'busy', retryable: true });
      assert.equal((await networks.reacquire(name, signal)).id, before.id);
    });
  });

  describe('kept for the next run', () => {
    const SPARE_MS = 5000;
    let clock: FakeClock;
    let left: string[];
    beforeEach(() => {
      clock = FakeClock.start();
      left = [];
      const onLeft = (networkId: string): void => {
        left.push(networkId);
      };
      networks = taskNetworks(engine, POOL, { spareMs: SPARE_MS, onLeft });
    });
    afterEach(() => {
      clock.stop();
    });
    const takeAndGiveBack = async (): Promise<TaskNetwork> => {
      const network = await networks.take(signal);
      await network.dispose();
      return network;
    };

    it('are leased to it, and to one run at a time', async () => {
      const one = await takeAndGiveBack();
      const [two, three] = await Promise.all([networks.take(signal), networks.take(signal)]);
      assert.deepEqual([two.id, two.name, two.subnet], [one.id, one.name, one.subnet]);
      assert.notEqual(three.id, one.id);
      assert.equal(engine.trace.count('engine.createNetwork'), 2);
    });

    it('are removed if no run acquires them in time', async () => {
      const { id } = await takeAndGiveBack();
      await clock.advance(SPARE_MS - 1);
      assert.ok(networks.holds(engine.networks.get(id) ?? assert.fail('it is gone')));
      await clock.advance(1);
      assert.equal(engine.networks.size, 0);
      assert.notEqual((await networks.take(signal)).id, id);
    });

    it('are not removed while a run uses them', async () => {
      await takeAndGiveBack();
      await networks.take(signal);
      await clock.advance(SPARE_MS * 2);
      assert.equal(engine.networks.size, 1);
    });

    it('are removed at once on close, and those in use when released', async () => {
      const busy = await networks.take(signal);
      await takeAndGiveBack();
      await networks.close();
      assert.deepEqual([...engine.networks.keys()], [busy.id]);
      await busy.dispose();
      assert.equal(engine.networks.size, 0);
    });

    it('are closed once all are removed, including a removal under way', async () => {
      const { id } = await takeAndGiveBack();
      let letGo = (): void => undefined;
      const removeNetwork = engine.removeNetwork.bind(engine);
      engine.removeNetwork = async (each) => {
        await new Promise<void>((resolve) => (letGo = resolve));
        await removeNetwork(each);
      };
      await clock.advance(SPARE_MS);
      const isThere: boolean[] = [];
      const closed = networks.close().then(() => isThere.push(engine.networks.has(id)));
      await settle();
      assert.deepEqual(isThere, []);
      letGo();
      await closed;
      assert.deepEqual(isThere, [false]);
    });

    it('have nothing attached, at release and at acquisition', async () => {
      engine.images.set('image', IMAGE);
      const attach = async ({ name }: TaskNetwork): Promise<void> => {
        const network = { name, address: '10.0.0.2' };
        await engine.createContainer({ image: 'image', network } as ContainerSpec);
      };
      const one = await networks.take(signal);
      await attach(one);
      await one.dispose();
      assert.ok(!engine.networks.has(one.id));
      const two = await takeAndGiveBack();
      await attach(two);
      assert.notEqual((await networks.take(signal)).id, two.id);
      assert.ok(!engine.networks.has(two.id));
    });

    it('are not leased after another client has removed them', async () => {
      const { id } = await takeAndGiveBack();
      await engine.removeNetwork(id);
      const next = await networks.take(signal);
      assert.ok(engine.networks.has(next.id));
    });

    it('are reported if they can’t be removed', async () => {
      const one = await networks.take(signal);
      const labels = engine.networks.get(one.id) ?? assert.fail();
      engine.fail('isIdleNetwork', new DockerError('trouble', 500));
      engine.fail('removeNetwork', new DockerError('busy', 500));
      await assert.rejects(one.dispose(), /busy/);
      assert.ok(!networks.holds(labels));
      const two = await takeAndGiveBack();
      engine.fail('removeNetwork', new DockerError('busy', 500));
      await clock.advance(SPARE_MS);
      await settle();
      assert.deepEqual([left, networks.left], [[two.id], 1]);
    });
  });
});
