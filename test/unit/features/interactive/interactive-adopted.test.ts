import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtifactStore } from '../../../../src/lib/artifacts/artifact-store.js';
import { FIFO } from '../../../../src/lib/features/interactive/container-scripts.js';
import { InteractiveServer } from '../../../../src/lib/features/interactive/interactive-server.js';
import { interactive } from '../../../../src/lib/features/interactive/interactive.js';
import { FixedHost } from '../../../../src/lib/host/public-host.js';
import type { Contribution, TaskFeature } from '../../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../../src/lib/task/task-context.js';
import { LinkedAbort } from '../../../../src/lib/util/linked-abort.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import { runsForEver } from '../../../fakes/fake-container.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import { FakeQueue } from '../../../fakes/fake-queue.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';
import { assertLost, prepareAgain, prepareAndDie } from '../../../support/adoption.js';
import { minimalSpec } from '../../../support/minimal-spec.js';
import { until } from '../../../support/until.js';
import { IMAGE, PAYLOAD, taskContext } from '../../task/task-fixture.js';

const SHELL = 'private/x/shell.html';

describe('the shell of a run whose worker died', () => {
  let directory: string;
  let output: MemoryOutput;
  let log: MemoryLogger;
  let queue: FakeQueue;
  let engine: FakeDockerEngine;
  let server: InteractiveServer;
  let resources: ResourceStack;
  let run: LinkedAbort;
  /** The hooks of the worker that dies. */
  let first: TaskFeature;
  let facts: Contribution;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'interactive-adopted-'));
    output = new MemoryOutput();
    log = new MemoryLogger();
    queue = new FakeQueue();
    engine = new FakeDockerEngine();
    engine.images.set('image', IMAGE);
    engine.programs.set('wait', runsForEver);
    await startWorker();
    first = feature(server).attach(task());
    facts = await prepareAndDie(first, resources);
  });
  afterEach(async () => {
    await die();
    await rm(directory, { recursive: true });
  });

  const startWorker = async (port = 0): Promise<void> => {
    server = await InteractiveServer.start({ port, publicHost: new FixedHost('127.0.0.1'), log });
    run = new LinkedAbort();
    resources = new ResourceStack((what, error) => assert.fail(`${what}: ${String(error)}`));
  };
  /** Closes what the worker had open; neither the gate nor the record go with that. */
  const die = async (): Promise<void> => {
    run.abort(new Error('the worker died'));
    await resources.close();
    await server.close();
  };
  const restart = async (): Promise<void> => {
    const { port } = server;
    await die();
    await startWorker(port);
  };
  const feature = (used: InteractiveServer | undefined) =>
    interactive({
      server: used,
      artifactName: 'private/x/',
      busyboxPath: '/bin/busybox',
      displayToolsPath: '/nowhere',
      minTimeSeconds: 60,
      expirationAfterSessionSeconds: 0,
      now: () => new Date('2026-11-23T12:00:00.000Z'),
    });
  const task = (): TaskContext => {
    const putter = { put: () => Promise.resolve() };
    const artifacts = new ArtifactStore({ queue, log, output, putter, tempDir: directory, concurrency: 1 });
    return { ...taskContext(PAYLOAD, output), directory, log, artifacts };
  };
  const adopted = (noted = facts): TaskFeature => feature(server).adopt?.(task(), noted) ?? assert.fail();
  /** Starts the hooks with a container, as the run does, until the shell is published. */
  const begin = async (hooks: TaskFeature): Promise<void> => {
    const container = await (await engine.createContainer(minimalSpec(IMAGE.id, ['wait']))).start();
    const published = log.upcoming('interactive shell published');
    await hooks.started?.(container, resources, run.signal);
    await published;
  };
  const adoptAndBegin = async (): Promise<void> => {
    await restart();
    const hooks = adopted();
    await prepareAgain(hooks, resources);
    await begin(hooks);
  };
  const publishedUrls = (): readonly string[] =>
    queue.artifacts.flatMap(({ name, request }) =>
      name === SHELL && request.storageType === 'reference' ? [request.url] : [],
    );
  /** Plays the command's end. */
  const report = async (exitCode: number): Promise<void> => {
    const gate = facts.binds?.[1]?.split(':')[0] ?? assert.fail();
    const fifo = await open(join(gate, FIFO.ended), 'r+');
    await fifo.write(`${exitCode}\n`);
    await fifo.close();
  };

  it('has the same address, of which the author reads once', async () => {
    await begin(first);
    await adoptAndBegin();
    const [before = '', after] = publishedUrls();
    assert.equal(after, before);
    assert.deepEqual(output.lines, [`Interactive shell: open the artifact ${SHELL} in a browser`]);
    const socketUrl = new URL(new URL(before).searchParams.get('socketUrl') ?? '');
    assert.equal((await fetch(socketUrl.href.replace('ws', 'http'))).status, 426);
  });

  it('is published by the next worker if none had done so', async () => {
    await adoptAndBegin();
    assert.deepEqual(output.lines, [`Interactive shell: open the artifact ${SHELL} in a browser`]);
  });

  it('keeps its secrets out of the log for as long as it is open', async () => {
    const tokens = Object.values((facts.facts?.['tokens'] ?? {}) as Readonly<Record<string, string>>);
    assert.equal(tokens.length, 2);
    await adoptAndBegin();
    assert.deepEqual([...log.secrets], tokens);
    const told = JSON.stringify([log.records, output.lines]);
    for (const token of tokens) assert.ok(!told.includes(token));
    await die();
    assert.deepEqual([...log.secrets], []);
  });

  it('learns that the command has ended, of which the author reads once', async () => {
    await begin(first);
    await report(3);
    await log.next('interactive command ended');
    await adoptAndBegin();
    const again = log.upcoming('interactive command ended');
    await report(3);
    assert.equal((await again).fields['exitCode'], 3);
    const ends = output.lines.filter((line) => line.startsWith('The command has ended with exit code 3. The task'));
    assert.equal(ends.length, 1);
  });

  it('asks the container how the command has ended', async () => {
    await restart();
    await prepareAgain(adopted(), resources);
    const gate = facts.binds?.[1]?.split(':')[0] ?? assert.fail();
    const fifo = await open(join(gate, FIFO.release), 'r+');
    const { buffer, bytesRead } = await fifo.read(Buffer.alloc(100));
    await fifo.close();
    assert.equal(buffer.toString('latin1', 0, bytesRead), 'again\n');
  });

  it('ends the run when its gate, its record or the server is gone', async () => {
    await restart();
    const unserved = feature(undefined).adopt?.(task(), facts);
    await assertLost(prepareAgain(unserved, resources), log, { what: 'addresses', reason: /cannot serve/ });
    await assertLost(prepareAgain(adopted({}), resources), log, { what: 'addresses', reason: /must be object/ });
    const outside = { ...facts, facts: { ...facts.facts, gate: '../elsewhere' } };
    await assertLost(prepareAgain(adopted(outside), resources), log, { what: 'addresses', reason: /gate must match/ });
    await rm(join(directory, String(facts.facts?.['gate'])), { recursive: true });
    await assertLost(prepareAgain(adopted(), resources), log, { what: 'exit gate', reason: /ENOENT/ });
  });

  it('has displays if its container has them', async () => {
    const binds = [...(facts.binds ?? []), '/tools:/.taskclusterdisplays:ro'];
    await restart();
    const hooks = adopted({ ...facts, binds });
    await prepareAgain(hooks, resources);
    await begin(hooks);
    await until('the displays', () => queue.artifacts.some(({ name }) => name === 'private/x/display.html'));
  });
});
