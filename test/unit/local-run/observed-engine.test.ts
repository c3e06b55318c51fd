import assert from 'node:assert/strict';
import { LABEL } from '../../../src/lib/docker/engine.js';
import type { DockerEngine } from '../../../src/lib/docker/engine.js';
import { observedEngine } from '../../../src/local-run/observed-engine.js';
import type { ContainerRun } from '../../../src/local-run/observed-engine.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { minimalSpec } from '../../support/minimal-spec.js';

describe('an observed engine', () => {
  let fake: FakeDockerEngine;
  let started: ContainerRun[];
  let engine: DockerEngine;
  const NEVER = new AbortController().signal;
  const OWN = { [LABEL.workerId]: 'w' };
  const spec = (role: string, runId = 0): ReturnType<typeof minimalSpec> =>
    minimalSpec('image', ['run'], {
      labels: { ...OWN, [LABEL.taskId]: 'a', [LABEL.runId]: String(runId), [LABEL.role]: role },
    });

  beforeEach(() => {
    fake = new FakeDockerEngine();
    fake.images.set('image', { id: 'image', entrypoint: [], command: [] });
    fake.programs.set('run', () => 0);
    started = [];
    engine = observedEngine(fake, {
      onStarted: (run) => started.push(run),
      keeps: ({ runId }) => runId === 1,
    });
  });

  it('tells of the start of the containers of tasks, which work as before', async () => {
    const created = await engine.createContainer(spec('task'));
    await created.attach(async (output) => {
      await output.toArray();
    }, NEVER);
    assert.deepEqual(started, []);
    const running = await created.start();
    assert.deepEqual(started, [{ taskId: 'a', runId: 0, containerId: created.id }]);
    assert.equal((await running.wait(NEVER)).exitCode, 0);
    const sidecar = await engine.createContainer(spec('sidecar'));
    await sidecar.start();
    assert.equal(started.length, 1);
  });

  it('keeps the containers that are asked for, and hides them', async () => {
    const [kept, other, sidecar] = [
      await engine.createContainer(spec('task', 1)),
      await engine.createContainer(spec('task', 0)),
      await engine.createContainer(spec('sidecar', 1)),
    ];
    for (const { id } of [kept, other, sidecar]) await engine.removeContainer(id);
    await engine.removeContainer(kept.id);
    assert.deepEqual([...fake.containers.keys()], [kept.id]);
    assert.deepEqual(await engine.findContainers(OWN, NEVER), []);
  });

  it('passes everything else on', async () => {
    assert.equal(await engine.id(NEVER), await fake.id(NEVER));
    await assert.rejects(engine.pullImage('missing', undefined, () => undefined, NEVER));
  });
});
