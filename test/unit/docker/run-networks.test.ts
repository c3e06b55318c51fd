import assert from 'node:assert/strict';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { RunNetworks } from '../../../src/lib/docker/run-networks.js';
import type { NetworkShare } from '../../../src/lib/docker/run-networks.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { taskNetworks } from '../../fakes/task-networks.js';

describe('the networks of runs', () => {
  const { signal } = new AbortController();
  let engine: FakeDockerEngine;
  let networks: RunNetworks;
  beforeEach(() => {
    engine = new FakeDockerEngine();
    networks = new RunNetworks(taskNetworks(engine, '10.0.0.0/26'));
  });
  const join = (taskId = 'a'): Promise<NetworkShare> => networks.join({ taskId, runId: 0 }, signal);

  it('are shared within a run, and separate for each run', async () => {
    const [one, two, other] = await Promise.all([join(), join(), join('b')]);
    assert.equal(engine.networks.size, 2);
    assert.deepEqual(one.task, two.task);
    assert.deepEqual([one.id, one.gateway], [two.id, '10.0.0.1']);
    assert.notEqual(other.id, one.id);
    assert.deepEqual(one.task.name, engine.networkSpecs.get(one.id)?.name);
  });

  it('are released by their last user, however often each disposes of its share', async () => {
    const [one, two] = await Promise.all([join(), join()]);
    await one.dispose();
    await one.dispose();
    assert.equal(engine.networks.size, 1);
    const three = await join();
    assert.equal(three.id, two.id);
    await two.dispose();
    assert.equal(engine.networks.size, 1);
    await three.dispose();
    assert.equal(engine.networks.size, 0);
  });

  it('are created anew while the previous one is being released', async () => {
    const one = await join();
    const going = one.dispose();
    const two = await join();
    await going;
    assert.notEqual(two.id, one.id);
    assert.deepEqual([...engine.networks.keys()], [two.id]);
  });

  it('reserve an address for the task, and another one for each container', async () => {
    const shares = await Promise.all(Array.from({ length: 13 }, () => join()));
    const [one = assert.fail(), ...rest] = shares;
    assert.equal(one.task.address, '10.0.0.14');
    assert.deepEqual(one.ownPlace(), { name: one.task.name, address: '10.0.0.2' });
    assert.deepEqual(one.ownPlace(), one.ownPlace());
    const last = rest.pop() ?? assert.fail();
    const others = rest.map((share) => share.ownPlace().address);
    assert.equal(new Set([...others, '10.0.0.2', one.task.address]).size, 13);
    assert.throws(() => last.ownPlace(), /all 12 addresses of the run's network are in use/);
    await one.dispose();
    assert.equal(last.ownPlace().address, '10.0.0.2');
  });

  it('do not reuse at once an address that the engine may still hold', async () => {
    const [one] = await Promise.all([join(), join()]);
    one.ownPlace();
    await one.dispose();
    assert.equal((await join()).ownPlace().address, '10.0.0.3');
  });

  it('fail for all users that wait if creation fails, and can be retried', async () => {
    engine.fail('createNetwork', new DockerError('no', 500));
    const failed = await Promise.allSettled([join(), join()]);
    assert.deepEqual(
      failed.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    const share = await join();
    await share.dispose();
    assert.equal(engine.networks.size, 0);
  });

  describe('that a previous worker created', () => {
    let before: NetworkShare;
    let own: string;
    beforeEach(async () => {
      before = await join();
      own = before.ownPlace().address;
      networks = new RunNetworks(taskNetworks(engine, '10.0.0.0/26'));
    });
    const rejoin = (address?: string, task = before.task): Promise<NetworkShare> =>
      networks.rejoin({ taskId: 'a', runId: 0 }, task, signal, address);
    const isFinal = { name: 'DockerError', retryable: false };

    it('are shared within a run, with the same places', async () => {
      const [one, two] = await Promise.all([rejoin(own), rejoin()]);
      for (const share of [one, two]) {
        assert.deepEqual([share.id, share.gateway, share.task], [before.id, before.gateway, before.task]);
      }
      assert.deepEqual(one.ownPlace(), before.ownPlace());
      assert.equal(engine.trace.count('engine.findNetwork'), 1);
      assert.equal(engine.trace.count('engine.createNetwork'), 1);
    });

    it('are removed by their last user', async () => {
      const [one, two] = await Promise.all([rejoin(own), rejoin()]);
      await one.dispose();
      assert.equal(engine.networks.size, 1);
      await two.dispose();
      assert.equal(engine.networks.size, 0);
    });

    it('are joined by later users, whose places are other ones', async () => {
      await rejoin(own);
      const later = await join();
      assert.equal(later.id, before.id);
      assert.notEqual(later.ownPlace().address, own);
    });

    it('have a place again once its user has released it', async () => {
      const [one] = await Promise.all([rejoin(own), rejoin()]);
      await assert.rejects(rejoin(own), isFinal);
      await one.dispose();
      assert.equal((await rejoin(own)).ownPlace().address, own);
    });

    it('are refused, finally, if the places are not in them', async () => {
      await assert.rejects(rejoin('10.0.0.17'), isFinal);
      await assert.rejects(rejoin(before.task.address), isFinal);
    });

    it('are refused, finally, if the task’s container is at another address', async () => {
      const place = { ...before.task, address: '10.0.0.30' };
      await assert.rejects(rejoin(undefined, place), {
        ...isFinal,
        message: /does not have the places 10\.0\.0\.30 in/,
      });
      assert.equal(engine.networks.size, 0, 'it is not kept');
    });

    it('do not lose their other users by a refusal', async () => {
      const one = await rejoin(own);
      await assert.rejects(rejoin(undefined, { ...before.task, name: 'another' }), isFinal);
      assert.equal(engine.networks.size, 1);
      await one.dispose();
      assert.equal(engine.networks.size, 0);
    });

    it('are refused, finally, if they are gone', async () => {
      await engine.removeNetwork(before.id);
      const refused = await Promise.allSettled([rejoin(own), rejoin()]);
      for (const result of refused) {
        assert.ok(result.status === 'rejected' && result.reason instanceof DockerError && !result.reason.retryable);
      }
    });
  });
});
