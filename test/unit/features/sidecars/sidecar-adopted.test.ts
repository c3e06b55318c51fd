import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { RunNetworks } from '../../../../src/lib/docker/run-networks.js';
import { sidecarFeatures } from '../../../../src/lib/features/sidecars/sidecar.js';
import type { Contribution, Feature, TaskFeature } from '../../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import type { FakeProgram } from '../../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import { FakeImages } from '../../../fakes/fake-images.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';
import { taskNetworks } from '../../../fakes/task-networks.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../../support/adoption.js';
import { freePort } from '../../../support/free-port.js';
import { minimalSpec } from '../../../support/minimal-spec.js';
import { IMAGE, PAYLOAD, taskContext } from '../../task/task-fixture.js';

// Every address in it belongs to this machine.
const LOOPBACK = '127.79.0.0/28';

describe('the sidecar of a run whose worker died', () => {
  let engine: FakeDockerEngine;
  let images: FakeImages;
  let networks: RunNetworks;
  let log: MemoryLogger;
  let output: MemoryOutput;
  let resources: ResourceStack;
  let port: number;
  let facts: Contribution;
  let end: () => void;

  /** Takes connections until it is told to end. */
  const serve: FakeProgram = async ({ address, killed }) => {
    const server = createServer((socket) => socket.destroy()).listen(port, address);
    await Promise.race([once(killed, 'abort'), new Promise<void>((resolve) => (end = resolve))]);
    server.close();
    return 7;
  };
  beforeEach(async () => {
    engine = new FakeDockerEngine();
    engine.images.set('test-image:latest', IMAGE);
    engine.programs.set('serve', serve);
    log = new MemoryLogger();
    output = new MemoryOutput();
    resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
    port = await freePort();
    startWorker();
    facts = await prepareAndDie(feature().attach(task()));
    startWorker();
    // A worker that has died watches nothing.
    log = new MemoryLogger();
    output = new MemoryOutput();
  });
  afterEach(async () => {
    await resources.close();
    images.assertNothingHeld();
    for (const id of [...engine.containers.keys()]) await engine.removeContainer(id);
  });

  const startWorker = (): void => {
    images = new FakeImages(IMAGE);
    networks = new RunNetworks(taskNetworks(engine, LOOPBACK));
  };
  const feature = (): Feature => {
    const rest = { env: {}, capAdd: [], extraHosts: [], timeout: 10_000 };
    const config = { image: 'us/proxy:1', alias: 'balrog', port, cmd: ['serve'], ...rest };
    return sidecarFeatures({ balrogVPNProxy: config }, { engine, images, networks })[0] ?? assert.fail();
  };
  const task = (): TaskContext => ({ ...taskContext(PAYLOAD, output), log });
  const adopted = (noted = facts): TaskFeature | undefined => feature().adopt?.(task(), noted);

  it('goes on as it is, in the same network, with its image leased again', async () => {
    const before = engine.trace.count('engine.create');
    assert.deepEqual(await prepareAgain(adopted(), resources), facts);
    assert.deepEqual(facts.network?.address, '127.79.0.14');
    assert.deepEqual(facts.extraHosts, ['balrog:127.79.0.2']);
    assert.equal(engine.trace.count('engine.create'), before);
    assert.equal(engine.trace.count('engine.createNetwork'), 1);
    assert.equal(images.trace.count('images.adopt'), 1);
    assert.deepEqual(output.lines, []);
    const other = await networks.rejoin(task(), facts.network ?? assert.fail(), new AbortController().signal);
    assert.equal(other.ownPlace().address, '127.79.0.3', 'its address was given to another');
    await other.dispose();
  });

  it('is removed before the network once the run is over', async () => {
    await prepareAgain(adopted(), resources);
    await resources.close();
    assert.deepEqual(engine.trace.only('engine.remove'), ['engine.remove', 'engine.removeNetwork']);
    assert.deepEqual(log.of('sidecar ended'), []);
  });

  it('has its end reported to author and operator', async () => {
    await prepareAgain(adopted(), resources);
    end();
    const { fields } = await log.next('sidecar ended');
    assert.equal(fields['exitCode'], 7);
    assert.deepEqual(output.lines, ['balrogVPNProxy: its container exited with code 7 and is no longer available.']);
  });

  it('is reported when it has ended meanwhile: the task may succeed without it', async () => {
    end();
    await engine.trace.until('container.ended');
    await prepareAgain(adopted(), resources);
    assert.equal((await log.next('sidecar ended')).fields['exitCode'], 7);
    await resources.close();
    assert.deepEqual([engine.containers.size, engine.networks.size], [0, 0]);
  });

  it('ends the run when it is gone, or another container has its id', async () => {
    engine.programs.set('wait', ({ killed }) => once(killed, 'abort').then(() => 137));
    const foreign = await (await engine.createContainer(minimalSpec(IMAGE.id, ['wait']))).start();
    const stolen = { ...facts, facts: { ...facts.facts, container: foreign.id } };
    await assertLost(prepareAgain(adopted(stolen), resources), log, { what: 'container', reason: /it is gone/ });
    await resources.close();
    assert.ok(engine.containers.has(foreign.id), 'a container of another was removed');
  });

  it('ends the run when its network or its record is gone', async () => {
    await assertLost(prepareAgain(adopted({}), resources), log, { what: 'record', reason: /facts must be object/ });
    for (const id of [...engine.networks.keys()]) await engine.removeNetwork(id);
    await assertLost(prepareAgain(adopted(), resources), log, { what: 'network', reason: /is gone/ });
  });
});
