import assert from 'node:assert/strict';
import { DockerError, LABEL } from '../../../src/lib/docker/engine.js';
import type { ContainerSpec, Labels } from '../../../src/lib/docker/engine.js';
import { StaleContainers } from '../../../src/lib/gc/stale-containers.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { IMAGE } from '../task/task-fixture.js';

const OURS = { [LABEL.workerId]: 'me', [LABEL.workerPool]: 'p/t' };
const SIGNAL = new AbortController().signal;
const EXPIRATION_MS = 60_000;

describe('the collector of stale containers', () => {
  let clock: FakeClock;
  let engine: FakeDockerEngine;
  let log: MemoryLogger;

  beforeEach(() => {
    clock = FakeClock.start();
    engine = new FakeDockerEngine();
    engine.images.set('image', IMAGE);
    engine.programs.set('ends', () => 0);
    engine.programs.set('runs', runsForEver);
    log = new MemoryLogger();
  });
  afterEach(() => {
    clock.stop();
  });

  const collector = (wholeMachine: boolean): StaleContainers =>
    new StaleContainers({
      engine,
      log,
      now: clock.now,
      labels: OURS,
      expirationMs: EXPIRATION_MS,
      wholeMachine,
    });
  const collect = (stale: StaleContainers): Promise<void> => stale.collect(() => Promise.resolve(false), SIGNAL);
  /** Starts a container, unless its command is none. */
  const add = async (labels: Labels, command?: 'ends' | 'runs'): Promise<string> => {
    const spec = { image: 'image', labels, entrypoint: [command ?? 'ends'] } as unknown as ContainerSpec;
    const container = await engine.createContainer(spec);
    if (command) await container.start();
    return container.id;
  };
  const left = (): readonly string[] => [...engine.containers.keys()];

  it("removes stopped foreign containers with an alert on the worker's own machine", async () => {
    const stale = collector(true);
    const ended = await add({}, 'ends');
    const another = await add({ ...OURS, [LABEL.workerId]: 'another' }, 'ends');
    const running = await add({}, 'runs');
    const created = await add({});
    await clock.advance(EXPIRATION_MS - 1, EXPIRATION_MS);
    await collect(stale);
    assert.deepEqual(left(), [ended, another, running, created]);
    const young = await add({}, 'ends');
    await clock.advance(1);
    await collect(stale);
    assert.deepEqual(left(), [running, created, young]);
    assert.deepEqual(
      log.of('stale container').map(({ level, fields }) => [level, fields]),
      [ended, another].map((containerId) => ['alert', { containerId, endedAt: '2026-11-23T15:04:05.678Z' }]),
    );
    assert.equal(log.of('container removed').length, 2);
  });

  it('keeps foreign containers on a shared machine', async () => {
    const ended = await add({}, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    await collect(collector(false));
    assert.deepEqual(left(), [ended]);
    assert.deepEqual(log.records, []);
  });

  it("keeps the worker's own containers", async () => {
    const own = await add(OURS, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    await collect(collector(true));
    assert.deepEqual(left(), [own]);
  });

  it('keeps a container that was started again', async () => {
    const ended = await add({}, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    const endOf = engine.endOfContainer.bind(engine);
    let looks = 0;
    engine.endOfContainer = (id, signal) => {
      looks += 1;
      return looks === 1 ? endOf(id, signal) : Promise.resolve(undefined);
    };
    await collect(collector(true));
    assert.deepEqual(left(), [ended]);
    assert.deepEqual(log.of('stale container'), []);
  });

  it('removes the others when the engine fails to describe one', async () => {
    const strange = await add({}, 'ends');
    const ended = await add({}, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    const endOf = engine.endOfContainer.bind(engine);
    engine.endOfContainer = (id, signal) =>
      id === strange ? Promise.reject(new DockerError('unknown state', 500)) : endOf(id, signal);
    await collect(collector(true));
    assert.ok(!left().includes(ended));
    assert.equal(log.of('container not inspected')[0]?.fields['containerId'], strange);
  });

  it('stops looking when the worker ends', async () => {
    await add({}, 'ends');
    const reason = new Error('the worker has ended');
    const stop = new AbortController();
    engine.endOfContainer = () => {
      stop.abort(reason);
      return Promise.reject(reason);
    };
    const collecting = collector(true).collect(() => Promise.resolve(false), stop.signal);
    await assert.rejects(collecting, (error) => error === reason);
    assert.deepEqual(log.records, []);
  });

  it('stops removing when the worker ends', async () => {
    for (let number = 0; number < 9; number++) await add({}, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    const reason = new Error('the worker has ended');
    const stop = new AbortController();
    engine.removeContainer = () => {
      stop.abort(reason);
      return Promise.reject(new DockerError('the connection was cut', undefined));
    };
    const collecting = collector(true).collect(() => Promise.resolve(false), stop.signal);
    await assert.rejects(collecting, (error) => error === reason);
    assert.deepEqual(log.records, []);
  });

  it('tries five times', async () => {
    const stale = collector(true);
    await add({}, 'ends');
    const other = await add({}, 'ends');
    await clock.advance(EXPIRATION_MS, EXPIRATION_MS);
    engine.removeContainer = (id) => {
      if (id !== other) return Promise.reject(new DockerError('device or resource busy', 500));
      engine.containers.delete(id);
      return Promise.resolve();
    };
    for (let round = 0; round < 10; round++) await collect(stale);
    assert.equal(log.of('resource not released').length, 4);
    assert.equal(log.of('container cannot be removed').length, 1);
    assert.equal(left().length, 1);
  });
});
