import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dind } from '../../../src/lib/features/dind.js';
import type { Contribution, TaskFeature } from '../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import type { FakeProgram } from '../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { FakeImages } from '../../fakes/fake-images.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../support/adoption.js';
import { IMAGE, PAYLOAD, taskContext } from '../task/task-fixture.js';

describe('the daemon of a run whose worker died', () => {
  let directory: string;
  let engine: FakeDockerEngine;
  let images: FakeImages;
  let log: MemoryLogger;
  let resources: ResourceStack;
  let facts: Contribution;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'd-'));
    engine = new FakeDockerEngine();
    engine.images.set('dind:latest', IMAGE);
    engine.programs.set('/bin/sh', daemon);
    log = new MemoryLogger();
    resources = new ResourceStack((what) => assert.fail(`${what} could not be released`));
    images = new FakeImages(IMAGE);
    facts = await prepareAndDie(feature().attach(task()));
    images = new FakeImages(IMAGE);
  });
  afterEach(async () => {
    await resources.close();
    images.assertNothingHeld();
    for (const id of [...engine.containers.keys()]) await engine.removeContainer(id);
    await rm(directory, { recursive: true });
  });

  const daemon: FakeProgram = async ({ killed }) => {
    const [bind = ''] = engine.specs[0]?.binds ?? [];
    const server = createServer((_request, response) => response.end('OK'));
    server.listen(join(bind.slice(0, bind.indexOf(':')), 'docker.sock'));
    await once(killed, 'abort');
    server.closeAllConnections();
    server.close();
    return 137;
  };
  const feature = () => dind('dind:latest', { engine, images });
  const task = (): TaskContext => ({ ...taskContext(PAYLOAD), directory, log });
  const adopted = (noted: Contribution = facts): TaskFeature | undefined => feature().adopt?.(task(), noted);

  it('goes on as it is, and is removed with its directory once the run is over', async () => {
    assert.deepEqual(await prepareAgain(adopted(), resources), facts);
    assert.equal(engine.specs.length, 1);
    assert.equal(images.trace.count('images.adopt'), 1);
    assert.match(
      facts.binds?.[0] ?? '',
      new RegExp(`^${directory}/dind-\\w+/docker\\.sock:/var/run/docker\\.sock:ro$`),
    );
    await resources.close();
    assert.equal(engine.containers.size, 0);
    assert.deepEqual(await readdir(directory), []);
  });

  it('ends the run when it is gone, and removes its directory', async () => {
    for (const id of [...engine.containers.keys()]) await engine.removeContainer(id);
    await assertLost(prepareAgain(adopted(), resources), log, { what: 'container', reason: /it is gone/ });
    await resources.close();
    assert.deepEqual(await readdir(directory), []);
  });

  it('ends the run when its directory on record is not in that of the run', async () => {
    const elsewhere = { ...facts, facts: { ...facts.facts, directory: '../elsewhere' } };
    await assertLost(prepareAgain(adopted(elsewhere), resources), log, {
      what: 'record',
      reason: /directory must match/,
    });
  });
});
