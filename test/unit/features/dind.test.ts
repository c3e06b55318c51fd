import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dind } from '../../../src/lib/features/dind.js';
import type { Contribution } from '../../../src/lib/task/feature.js';
import { LABEL } from '../../../src/lib/docker/engine.js';
import type { FakeProgram } from '../../fakes/fake-container.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { FakeImages } from '../../fakes/fake-images.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { IMAGE, PAYLOAD, runContext, taskOf } from '../task/task-fixture.js';

describe('the feature dind', () => {
  let root: string;
  let directory: string;
  let engine: FakeDockerEngine;
  let images: FakeImages;
  let log: MemoryLogger;
  let resources: ResourceStack;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'dind-'));
    // Longer than a socket's path may be.
    directory = join(root, 'x'.repeat(100));
    await mkdir(directory);
    engine = new FakeDockerEngine();
    engine.images.set('dind:latest', IMAGE);
    images = new FakeImages(IMAGE);
    log = new MemoryLogger();
    resources = new ResourceStack((what) => assert.fail(`${what} could not be released`));
  });
  afterEach(async () => {
    await resources.close();
    assert.equal(engine.containers.size, 0);
    images.assertNothingHeld();
    assert.deepEqual(await readdir(directory), [], 'files are left');
    await rm(root, { recursive: true });
  });

  const prepare = async (program: FakeProgram, signal = new AbortController().signal): Promise<Contribution> => {
    engine.programs.set('/bin/sh', program);
    const definition = taskOf(PAYLOAD);
    const task = { ...runContext(definition), directory, log, payload: PAYLOAD, reservedArtifacts: new Map() };
    const attached = dind('dind:latest', { engine, images }).attach(task);
    return (await attached.prepare?.(resources, signal)) ?? assert.fail();
  };

  /** Creates its socket where the engine would, and responds there. */
  const daemon: FakeProgram = async ({ killed }) => {
    const [bind = ''] = engine.specs[0]?.binds ?? [];
    const here = process.cwd();
    process.chdir(bind.slice(0, bind.indexOf(':')));
    const server = createServer((_request, response) => response.end('OK')).listen('docker.sock');
    process.chdir(here);
    await once(killed, 'abort');
    server.closeAllConnections();
    server.close();
    return 137;
  };

  it('mounts the socket of a privileged container next to the task’s', async () => {
    const { binds, facts, ...rest } = await prepare(daemon);
    assert.deepEqual([rest, Object.keys(facts ?? {})], [{}, ['image', 'container', 'directory']]);
    const [spec = assert.fail()] = engine.specs;
    assert.equal(spec.privileged, true);
    assert.equal(spec.env['PORT'], '', 'it would listen where other containers get to');
    assert.equal(spec.labels[LABEL.role], 'sidecar');
    const [bind = assert.fail()] = spec.binds;
    const made = bind.replace(/:\/opt\/dind-service\/run$/, '');
    assert.ok(made.startsWith(`${directory}/dind-`), made);
    assert.deepEqual(binds, [`${made}/docker.sock:/var/run/docker.sock:ro`]);
  });

  it('is retried when its daemon exits, and shows its output only to the operator', async () => {
    const ending: FakeProgram = ({ print }) => print('no cgroups\n').then(() => 1);
    await assert.rejects(prepare(ending), {
      name: 'ServiceError',
      retryable: true,
      message:
        'it exited with code 1 before it was ready. This is not a mistake of the task: ask the operator of the worker, whose log has details.',
    });
    assert.equal(log.of('sidecar not ready')[0]?.fields['output'], 'no cgroups');
  });

  it('stops waiting for its daemon when the task is stopped', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped');
    const waiting = prepare((process) => {
      setImmediate(() => {
        controller.abort(reason);
      });
      return runsForEver(process);
    }, controller.signal);
    await assert.rejects(waiting, (error) => error === reason);
    assert.deepEqual(log.of('sidecar not ready'), []);
  });
});
