import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { RunNetworks } from '../../../../src/lib/docker/run-networks.js';
import { taskclusterProxy } from '../../../../src/lib/features/taskcluster-proxy/taskcluster-proxy.js';
import type { TaskclusterProxyOptions } from '../../../../src/lib/features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../../../../src/lib/features/taskcluster-proxy/upstream.js';
import type { Contribution } from '../../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { taskNetworks } from '../../../fakes/task-networks.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../../support/adoption.js';
import { freePort } from '../../../support/free-port.js';
import { PAYLOAD, taskContext } from '../../task/task-fixture.js';

// Every address in it belongs to this machine.
const LOOPBACK = '127.80.0.0/28';
const [GATEWAY, TASK] = ['127.80.0.1', '127.80.0.14'];

describe('the proxy of a run whose worker died', () => {
  const upstream = new Upstream();
  let engine: FakeDockerEngine;
  let log: MemoryLogger;
  let resources: ResourceStack;
  let port: number;
  let facts: Contribution;
  beforeEach(async () => {
    engine = new FakeDockerEngine();
    log = new MemoryLogger();
    resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    port = await freePort();
    facts = await prepared();
  });
  afterEach(() => resources.close());
  after(() => {
    upstream.close();
  });

  const newNetworks = (): RunNetworks => new RunNetworks(taskNetworks(engine, LOOPBACK));
  const feature = (networks: TaskclusterProxyOptions['networks'] = newNetworks()) =>
    taskclusterProxy({ networks, upstream, port, maxBodyBytes: 1000 });
  const task = (): TaskContext => ({ ...taskContext(PAYLOAD), log });
  const adopted = (noted = facts) => feature().adopt?.(task(), noted);

  /** A worker that dies closes its sockets, and leaves the network. */
  const prepared = async (): Promise<Contribution> => {
    const networks = newNetworks();
    const dying = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    const left: TaskclusterProxyOptions['networks'] = {
      join: async (...args) => ({ ...(await networks.join(...args)), dispose: () => Promise.resolve() }),
      rejoin: () => assert.fail('there is nothing to join again'),
    };
    const noted = await prepareAndDie(feature(left).attach(task()), dying);
    await dying.close();
    return noted;
  };
  /** What the task gets: a status, or the error of a refused connection. */
  const status = async (from: string): Promise<number | undefined> => {
    const asked = request({ host: GATEWAY, port, localAddress: from, path: '/unknown', agent: false }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  it('answers again at the same address, and the task alone', async () => {
    await assert.rejects(status(TASK), /ECONNREFUSED/);
    assert.deepEqual(await prepareAgain(adopted(), resources), facts);
    assert.deepEqual(
      [facts.network?.address, facts.extraHosts, facts.env],
      [TASK, [`taskcluster:${GATEWAY}`], undefined],
    );
    assert.equal(await status(TASK), 404);
    await assert.rejects(status(GATEWAY), /ECONNRESET|socket hang up/);
    assert.equal(engine.trace.count('engine.createNetwork'), 1);
  });

  it('answers at the port on record, whatever the usual one is, and at the usual one without a record', async () => {
    assert.deepEqual(facts.facts, { port });
    const recordedPort = port;
    const usualPort = await freePort();
    port = usualPort;
    await prepareAgain(adopted(), resources);
    await assert.rejects(status(TASK), /ECONNREFUSED/);
    port = recordedPort;
    assert.equal(await status(TASK), 404);
    await resources.close();

    port = usualPort;
    const again = await prepared();
    resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    const earlier = Object.entries(again).filter(([name]) => name !== 'facts');
    await prepareAgain(adopted(Object.fromEntries(earlier)), resources);
    assert.equal(await status(TASK), 404);
  });

  it('ends the run when the port on record is none', async () => {
    for (const recorded of [0, 65_536, '80', undefined]) {
      const preparing = prepareAgain(adopted({ ...facts, facts: { port: recorded } }), resources);
      await assertLost(preparing, log, { what: 'record', reason: /port/ });
      await resources.close();
      facts = await prepared();
      resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    }
  });

  it('is closed, and its network removed, once the run is over', async () => {
    await prepareAgain(adopted(), resources);
    await resources.close();
    await assert.rejects(status(TASK), /ECONNREFUSED/);
    assert.equal(engine.networks.size, 0);
  });

  it('waits for the port of a worker that has not quite ended', async () => {
    const other: Server = createServer().listen(port, GATEWAY);
    await once(other, 'listening');
    const preparing = prepareAgain(adopted(), resources);
    await log.next('retrying feature');
    other.close();
    await preparing;
    assert.equal(await status(TASK), 404);
  });

  it('ends the run when its network is gone', async () => {
    for (const id of [...engine.networks.keys()]) await engine.removeNetwork(id);
    await assertLost(prepareAgain(adopted(), resources), log, { what: 'network', reason: /is gone/ });
    await assertLost(prepareAgain(adopted({}), resources), log, { what: 'network', reason: /none is on record/ });
  });
});
