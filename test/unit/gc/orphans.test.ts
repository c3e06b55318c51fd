import assert from 'node:assert/strict';
import { DockerError, LABEL } from '../../../src/lib/docker/engine.js';
import type { ContainerSpec, Labels } from '../../../src/lib/docker/engine.js';
import { Orphans } from '../../../src/lib/gc/orphans.js';
import { StaleContainers } from '../../../src/lib/gc/stale-containers.js';
import { settle } from '../../fakes/fake-clock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { IMAGE } from '../task/task-fixture.js';

const OURS = { [LABEL.workerId]: 'me', [LABEL.workerPool]: 'p/t' };
const SIGNAL = new AbortController().signal;
const run = (taskId: string): Labels => ({ ...OURS, [LABEL.taskId]: taskId, [LABEL.runId]: '0' });

describe('the collector of orphans in the engine', () => {
  let engine: FakeDockerEngine;
  let log: MemoryLogger;
  let orphans: Orphans;
  let nowMs: number;
  let lock: { acquire: () => Promise<void> };
  let networks: { readonly holds: (labels: Labels) => boolean; left: number };
  const collect = (): Promise<void> => orphans.collect(() => Promise.resolve(false), SIGNAL);

  beforeEach(() => {
    engine = new FakeDockerEngine();
    engine.images.set('image', IMAGE);
    log = new MemoryLogger();
    nowMs = Date.now();
    const journal = { isOpen: ({ taskId }: { taskId: string }) => taskId === 'running' };
    const expiry = { expirationMs: 60_000, wholeMachine: false, now: () => new Date(nowMs) };
    const stale = new StaleContainers({ engine, log, labels: OURS, ...expiry });
    networks = { holds: (labels: Labels) => labels['kept'] !== undefined, left: 0 };
    lock = { acquire: () => Promise.resolve() };
    orphans = new Orphans({ engine, lock, journal, networks, log, labels: OURS, stale });
  });

  const add = async (labels: Labels): Promise<string> => {
    const { id } = await engine.createContainer({ image: 'image', labels } as ContainerSpec);
    engine.networks.set(`network of ${id}`, labels);
    engine.volumes.set(`volume of ${id}`, labels);
    return id;
  };

  it('removes orphans before the first claim and keeps what runs and others use', async () => {
    const dead = await add(run('dead'));
    const running = await add(run('running'));
    const foreign = await add({ ...run('dead'), [LABEL.workerId]: 'another' });
    const elsewhere = await add({ ...run('dead'), [LABEL.workerPool]: 'another/pool' });
    await orphans.checkReady(SIGNAL);
    assert.deepEqual([...engine.containers.keys()], [running, foreign, elsewhere]);
    assert.ok(!engine.networks.has(`network of ${dead}`));
    assert.ok(!engine.volumes.has(`volume of ${dead}`));
    assert.deepEqual([engine.networks.size, engine.volumes.size], [3, 3]);
    assert.equal(log.of('container removed').length, 1);
  });

  it('removes nothing, and holds claims, while another worker uses the same labels', async () => {
    const theirs = await add(run('theirs'));
    const taken = new Error('another worker uses the engine');
    lock.acquire = () => Promise.reject(taken);
    await assert.rejects(orphans.checkReady(SIGNAL), taken);
    await assert.rejects(collect(), taken);
    assert.deepEqual([...engine.containers.keys()], [theirs]);
    lock.acquire = () => Promise.resolve();
    await orphans.checkReady(SIGNAL);
    assert.deepEqual([...engine.containers.keys()], []);
  });

  it('keeps a network that is in use or reserved for the next run', async () => {
    engine.networks.set('kept', { ...OURS, kept: 'yes' });
    engine.networks.set('left', OURS);
    await orphans.checkReady(SIGNAL);
    assert.deepEqual([...engine.networks.keys()], ['kept']);
    const [{ fields } = assert.fail()] = log.of('network removed');
    assert.deepEqual(fields, { networkId: 'left', reason: 'left by a run that is over' });
  });

  it('looks again only when there is a reason', async () => {
    await orphans.checkReady(SIGNAL);
    await add(run('dead'));
    await orphans.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 1);
    orphans.suspect();
    await orphans.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 0);
  });

  it('looks again when the engine was gone', async () => {
    await orphans.checkReady(SIGNAL);
    await add(run('dead'));
    engine.lose();
    await assert.rejects(orphans.checkReady(SIGNAL), DockerError);
    engine.comeBack();
    await orphans.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 0);
  });

  it('searches again once a kept network could not be removed', async () => {
    await orphans.checkReady(SIGNAL);
    engine.networks.set('left', OURS);
    await orphans.checkReady(SIGNAL);
    assert.ok(engine.networks.has('left'));
    networks.left += 1;
    await orphans.checkReady(SIGNAL);
    assert.ok(!engine.networks.has('left'));
  });

  it('lets the worker claim when an orphan is not removable', async () => {
    await add(run('dead'));
    const other = await add(run('dead too'));
    engine.fail('remove', new DockerError('device or resource busy', 500));
    await orphans.checkReady(SIGNAL);
    assert.ok(!engine.containers.has(other));
    assert.equal(log.of('resource not released').length, 1);
  });

  it('removes orphans in a collection without holding claims', async () => {
    await orphans.checkReady(SIGNAL);
    await add(run('dead'));
    let adoptAndWait = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      adoptAndWait = resolve;
    });
    const remove = engine.removeContainer.bind(engine);
    engine.removeContainer = (id) => held.then(() => remove(id));
    const collecting = collect();
    await orphans.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 1);
    adoptAndWait();
    await collecting;
    assert.equal(engine.containers.size, 0);
  });

  it('looks once more when a reason comes during a look', async () => {
    const find = engine.findContainers.bind(engine);
    let looks = 0;
    engine.findContainers = (labels, signal) => {
      looks += 1;
      if (looks === 1) orphans.suspect();
      return find(labels, signal);
    };
    await orphans.checkReady(SIGNAL);
    assert.equal(looks, 2);
  });

  it('gives up after five failures with one alert and removes the rest', async () => {
    await add(run('dead'));
    const failures = Array.from({ length: 7 }, () => new DockerError('device or resource busy', 500));
    engine.fail('remove', ...failures);
    for (let round = 0; round < 10; round++) await collect();
    assert.equal(log.of('resource not released').length, 4);
    assert.equal(log.of('container cannot be removed').length, 1);
    assert.equal(log.of('container cannot be removed')[0]?.level, 'alert');
    assert.equal(engine.containers.size, 1);
    assert.deepEqual([engine.networks.size, engine.volumes.size], [0, 0]);
  });

  it('removes an orphan when the engine fails to say when it ended', async () => {
    await add(run('dead'));
    engine.endOfContainer = () => Promise.reject(new DockerError('unknown state', 500));
    await collect();
    assert.equal(engine.containers.size, 0);
  });

  it('removes a few orphans at a time', async () => {
    for (let number = 0; number < 20; number++) await add(run(`dead ${number}`));
    let underWay = 0;
    let most = 0;
    const remove = engine.removeContainer.bind(engine);
    engine.removeContainer = async (id) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await settle();
      await remove(id);
      underWay -= 1;
    };
    await collect();
    assert.equal(engine.containers.size, 0);
    assert.equal(most, 4);
  });

  it('alerts when an orphan ended long ago', async () => {
    const id = await add(run('dead'));
    engine.programs.set(IMAGE.command.join(' '), () => 0);
    await engine.containers.get(id)?.start();
    const young = await add(run('dead too'));
    nowMs += 61_000;
    await collect();
    assert.ok(!engine.containers.has(young));
    assert.deepEqual(
      log.of('stale container').map(({ level, fields }) => [level, fields['containerId']]),
      [['alert', id]],
    );
  });
});
