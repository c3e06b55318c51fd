import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineLostError } from '../../../src/lib/docker/engine.js';
import { runLabels } from '../../../src/lib/task/phases/container-spec.js';
import { RunJournal } from '../../../src/lib/task/run-journal.js';
import type { RunEntry } from '../../../src/lib/task/run-journal.js';
import type { RunRecord } from '../../../src/lib/task/run-record.js';
import { resumptionOf } from '../../../src/lib/worker/resumption.js';
import type { Resumption, ResumptionDeps } from '../../../src/lib/worker/resumption.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { IMAGE, WORKER } from '../task/task-fixture.js';
import { claimOf } from './fake-runs.js';

const IMAGE_FACTS = { localName: 'test-image:latest', image: IMAGE };

describe('resumptionOf', () => {
  let root: string;
  let engine: FakeDockerEngine;
  let recovered: string[];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'resumption-'));
    engine = new FakeDockerEngine();
    engine.images.set('test-image:latest', IMAGE);
    engine.programs.set(
      'wait',
      ({ killed }) =>
        new Promise((resolve) => {
          killed.addEventListener('abort', () => {
            resolve(137);
          });
        }),
    );
    recovered = [];
  });
  afterEach(() => rm(root, { recursive: true }));

  const labels = (role: 'task' | 'sidecar' = 'task') => runLabels({ taskId: 'one', runId: 0, worker: WORKER }, role);
  const deps = (more: Partial<ResumptionDeps> = {}): ResumptionDeps => ({
    engine,
    worker: WORKER,
    runsDirectory: root,
    engineRestartMs: 200,
    admission: {
      features: [
        {
          name: 'first',
          recover: ({ taskId }) => {
            recovered.push(taskId);
            return Promise.resolve();
          },
        },
      ],
    },
    lastSeen: new Date(),
    now: () => new Date(),
    log: new MemoryLogger(),
    isOnlyRun: true,
    ...more,
  });
  /** Leaves a record like a worker that dies. */
  const leave = async (facts: Partial<RunRecord> = {}): Promise<RunEntry> => {
    const directory = join(root, 'one-0-x');
    await mkdir(directory);
    const stateDir = join(root, 'state');
    await (await RunJournal.open(stateDir)).entry(claimOf('one')).update({ phase: 'execute', directory, ...facts });
    const [entry = assert.fail()] = await (await RunJournal.open(stateDir)).abandoned(new MemoryLogger());
    return entry;
  };
  const decide = async (facts: Partial<RunRecord> = {}, more: Partial<ResumptionDeps> = {}): Promise<Resumption> =>
    await resumptionOf(await leave(facts), deps(more), new AbortController().signal);
  const create = async (role: 'task' | 'sidecar' = 'task') =>
    await engine.createContainer({ ...minimalSpec(IMAGE.id, ['wait']), labels: labels(role) });
  const reasonOf = (resumption: Resumption): string =>
    resumption.kind === 'give-up' ? resumption.reason : assert.fail(resumption.kind);

  it('adopts a container that runs', async () => {
    const { id } = await (await create()).start();
    const resumption = await decide({ containerId: id, prepared: {}, image: IMAGE_FACTS });
    assert.ok(resumption.kind === 'adopt', JSON.stringify(resumption));
    const { facts, entry } = resumption.resumed;
    assert.equal(facts.containerId, id);
    assert.equal(facts.directory, join(root, 'one-0-x'));
    assert.deepEqual(facts.image, IMAGE_FACTS);
    assert.ok(entry.record.adoptedAt);
    assert.equal(resumption.claim.task.created, claimOf('one').task.created);
  });

  it('begins a run again whose container was never started, and removes what it had', async () => {
    const { id } = await create();
    await create('sidecar');
    const resumption = await decide({ containerId: id, prepared: {}, image: IMAGE_FACTS });
    assert.ok(resumption.kind === 'begin-again', JSON.stringify(resumption));
    assert.equal(resumption.resumed.facts.containerId, undefined);
    assert.equal(resumption.resumed.entry.record.prepared, undefined);
    assert.equal(engine.containers.size, 0);
    assert.deepEqual(recovered, ['one']);
  });

  it('adopts a container whose start the engine still had to do when the worker died', async () => {
    const created = await create();
    const facts = { containerId: created.id, prepared: {}, image: IMAGE_FACTS };
    const slow: ResumptionDeps['engine'] = {
      findContainers: async (...args) => {
        await created.start();
        return await engine.findContainers(...args);
      },
      findContainer: (...args) => engine.findContainer(...args),
      removeContainer: (id) => engine.removeContainer(id),
      findVolumes: (...args) => engine.findVolumes(...args),
      removeVolume: (id) => engine.removeVolume(id),
    };
    const resumption = await decide(facts, { engine: slow });
    assert.ok(resumption.kind === 'adopt', JSON.stringify(resumption));
    assert.ok(engine.containers.has(created.id));
  });

  it('begins a run again that had no container, even without a directory', async () => {
    assert.equal((await decide({ phase: 'claimed', directory: undefined as unknown as string })).kind, 'begin-again');
  });

  it('leaves the containers of other runs alone', async () => {
    const other = runLabels({ taskId: 'one', runId: 1, worker: WORKER }, 'task');
    const { id } = await engine.createContainer({ ...minimalSpec(IMAGE.id, ['wait']), labels: other });
    await decide({ phase: 'prepare' });
    assert.deepEqual([...engine.containers.keys()], [id]);
  });

  it('goes on with a run whose outcome is known, without asking for its container', async () => {
    const outcome = { soFar: { kind: 'completed' } } as const;
    assert.equal((await decide({ containerId: 'gone', prepared: {}, outcome })).kind, 'adopt');
  });

  it('gives up a run whose container is gone, or has other labels', async () => {
    const facts = { prepared: {}, image: IMAGE_FACTS };
    assert.equal(reasonOf(await decide({ ...facts, containerId: 'gone' })), 'its container is gone');
    await rm(join(root, 'one-0-x'), { recursive: true });
    const foreign = await (await engine.createContainer(minimalSpec(IMAGE.id, ['wait']))).start();
    assert.equal(reasonOf(await decide({ ...facts, containerId: foreign.id })), 'its container is gone');
    assert.ok(engine.containers.has(foreign.id));
  });

  it('gives up a run whose directory is gone', async () => {
    const entry = await leave();
    await rm(join(root, 'one-0-x'), { recursive: true });
    const resumption = await resumptionOf(entry, deps(), new AbortController().signal);
    assert.equal(reasonOf(resumption), 'its directory is gone');
  });

  it('gives up a run with the record of a version without definitions', async () => {
    const resumption = await decide({ version: undefined as unknown as number });
    assert.match(reasonOf(resumption), /format of another version \(1\)/);
  });

  it('gives up when the engine does not answer in time', async () => {
    engine.fail('findContainer', ...Array.from({ length: 50 }, () => new EngineLostError('no engine')));
    const resumption = await decide({ containerId: 'it', prepared: {}, image: IMAGE_FACTS });
    assert.match(reasonOf(resumption), /Docker did not answer within 0\.2 s/);
  });

  it('blames a run with which worker after worker died', async () => {
    const adoptedAt = new Date(Date.now() - 5000).toISOString();
    const resumption = await decide({ adoptedAt, quickDeaths: 19 });
    assert.ok(resumption.kind === 'give-up' && resumption.isCause === true, JSON.stringify(resumption));
  });

  it('blames no run if there were others, or if it has made progress', async () => {
    const adoptedAt = new Date(Date.now() - 5000).toISOString();
    const resumption = await decide({ adoptedAt, quickDeaths: 19 }, { isOnlyRun: false });
    assert.ok(resumption.kind === 'give-up' && resumption.isCause === false, JSON.stringify(resumption));
    await rm(join(root, 'one-0-x'), { recursive: true });
    const entry = await leave({ adoptedAt, quickDeaths: 19, logBytes: 100 });
    await writeFile(join(root, 'one-0-x', 'task.log'), 'x'.repeat(1000));
    assert.equal((await resumptionOf(entry, deps(), new AbortController().signal)).kind, 'begin-again');
  });

  it('gives up a run whose command had been started, although its record lacks that', async () => {
    await (await create()).start();
    assert.match(reasonOf(await decide({ phase: 'execute' })), /its command had been started/);
    assert.equal(engine.containers.size, 1);
  });

  it('begins a run again that was refused before it was prepared', async () => {
    const outcome = { soFar: { kind: 'exception', reason: 'malformed-payload' } } as const;
    assert.equal((await decide({ phase: 'finish', outcome })).kind, 'begin-again');
  });

  it('forgets earlier deaths once a worker lived longer', async () => {
    const adoptedAt = new Date(Date.now() - 50_000).toISOString();
    const resumption = await decide({ adoptedAt, quickDeaths: 19 });
    assert.ok(resumption.kind === 'begin-again');
    assert.equal(resumption.resumed.entry.record.quickDeaths, 0);
  });
});
