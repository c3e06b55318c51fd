import assert from 'node:assert/strict';
import { DockerError, LABEL } from '../../../src/lib/docker/engine.js';
import type { ContainerSpec, Labels } from '../../../src/lib/docker/engine.js';
import { Leftovers } from '../../../src/lib/worker/leftovers.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { IMAGE } from '../task/task-fixture.js';

const OURS = { [LABEL.workerId]: 'me', [LABEL.workerPool]: 'p/t' };
const SIGNAL = new AbortController().signal;
const run = (taskId: string): Labels => ({ ...OURS, [LABEL.taskId]: taskId, [LABEL.runId]: '0' });

describe('what runs that are over left in the engine', () => {
  let engine: FakeDockerEngine;
  let log: MemoryLogger;
  let leftovers: Leftovers;

  beforeEach(() => {
    engine = new FakeDockerEngine();
    engine.images.set('image', IMAGE);
    log = new MemoryLogger();
    const journal = { isOpen: ({ taskId }: { taskId: string }) => taskId === 'running' };
    leftovers = new Leftovers({ engine, journal, log, labels: OURS });
  });

  const add = async (labels: Labels): Promise<string> => {
    const { id } = await engine.createContainer({ image: 'image', labels } as ContainerSpec);
    engine.networks.set(`network of ${id}`, labels);
    return id;
  };

  it('is removed before the first claim; what belongs to a run under way or to others stays', async () => {
    const dead = await add(run('dead'));
    const running = await add(run('running'));
    const foreign = await add({ ...run('dead'), [LABEL.workerId]: 'another' });
    const elsewhere = await add({ ...run('dead'), [LABEL.workerPool]: 'another/pool' });
    await leftovers.checkReady(SIGNAL);
    assert.deepEqual([...engine.containers.keys()], [running, foreign, elsewhere]);
    assert.ok(!engine.networks.has(`network of ${dead}`));
    assert.equal(engine.networks.size, 3);
    assert.equal(log.of('container removed').length, 1);
  });

  it('is looked for again only when there is reason to', async () => {
    await leftovers.checkReady(SIGNAL);
    await add(run('dead'));
    await leftovers.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 1);
    leftovers.suspect();
    await leftovers.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 0);
  });

  it('is looked for again when the engine was gone', async () => {
    await leftovers.checkReady(SIGNAL);
    await add(run('dead'));
    engine.lose();
    await assert.rejects(leftovers.checkReady(SIGNAL), DockerError);
    engine.comeBack();
    await leftovers.checkReady(SIGNAL);
    assert.equal(engine.containers.size, 0);
  });

  it('does not keep the worker from working when it can not be removed', async () => {
    await add(run('dead'));
    const other = await add(run('dead too'));
    engine.fail('remove', new DockerError('device or resource busy', 500));
    await leftovers.checkReady(SIGNAL);
    assert.ok(!engine.containers.has(other));
    assert.equal(log.of('could not release').length, 1);
  });
});
