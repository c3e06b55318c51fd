import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { RunEntry, RunJournal } from '../../../src/lib/task/run-journal.js';
import type { RunRecord } from '../../../src/lib/task/run-record.js';
import { Recovery } from '../../../src/lib/worker/recovery.js';
import type { RecoveryDeps } from '../../../src/lib/worker/recovery.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { FakeLogPublisher } from '../../fakes/fake-log-publisher.js';
import { FakeQueue, conflict, outage } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { WORKER } from '../task/task-fixture.js';
import { claimOf } from './fake-runs.js';

const LOG = { name: 'public/logs/live.log', isLive: true };

describe('a worker that starts after a dead one', () => {
  let root: string;
  let queue: FakeQueue;
  let publisher: FakeLogPublisher;
  let log: MemoryLogger;
  let engine: FakeDockerEngine;
  let abort: AbortController;
  let features: RecoveryDeps['admission']['features'];
  const runsDirectory = (): string => join(root, 'runs');
  const stateDir = (): string => join(root, 'state');
  const records = (): Promise<readonly string[]> => readdir(join(stateDir(), 'runs'));

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'recovery-'));
    await mkdir(runsDirectory());
    queue = new FakeQueue();
    publisher = new FakeLogPublisher();
    log = new MemoryLogger();
    engine = new FakeDockerEngine();
    abort = new AbortController();
    features = [];
  });
  afterEach(() => rm(root, { recursive: true, force: true }));
  afterEach(() => {
    mock.restoreAll();
  });

  /** Leaves a run like a worker that dies in the middle of it. */
  const leave = async (taskId: string, facts: Partial<RunRecord> = {}): Promise<void> => {
    const directory = join(runsDirectory(), `${taskId}-dir`);
    await mkdir(directory);
    await writeFile(join(directory, 'task.log'), 'hello\n');
    const entry = (await RunJournal.open(stateDir())).entry(claimOf(taskId));
    await entry.update({ phase: 'execute', directory, log: LOG, ...facts });
  };
  const find = async (given?: RunJournal): Promise<Recovery> => {
    const journal = given ?? (await RunJournal.open(stateDir()));
    return await Recovery.find({
      stateDir: stateDir(),
      journal,
      entries: await journal.abandoned(log),
      lastSeen: new Date(),
      engine,
      worker: WORKER,
      queue,
      publisher,
      putter: { put: () => Promise.resolve() },
      log,
      now: () => new Date(),
      onOrphan: () => undefined,
      admission: { features },
      settings: {
        runsDirectory: runsDirectory(),
        artifactConcurrency: 1,
        artifactStorage: undefined,
        engineRestartMs: 100,
      },
    });
  };
  const recover = async (): Promise<void> => {
    await (await find()).run(abort.signal);
  };

  it('resolves its runs worker-shutdown, publishes their logs and removes what they left', async () => {
    await leave('one');
    await leave('two', { phase: 'collect' });
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown', 'reportException worker-shutdown']);
    assert.deepEqual(
      publisher.late.map(({ artifact }) => artifact),
      [LOG, LOG],
    );
    assert.match(
      publisher.late[0]?.text ?? '',
      /^hello\n\n\[taskcluster:error\] Task has been aborted prematurely\. Reason: worker-shutdown \(the worker exited/,
    );
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
    assert.deepEqual([...log.secrets], []);
  });

  it('lets each feature clean up, even if another fails', async () => {
    const recovered: string[] = [];
    const recover = async ({ taskId, runId }: { taskId: string; runId: number }): Promise<void> => {
      recovered.push(`${taskId}/${runId}`);
      await Promise.reject(new Error('the engine is away'));
    };
    features = [{ name: 'first', recover }, { name: 'second' }, { name: 'third', recover }];
    await leave('one', { phase: 'cleanup', credentials: undefined });
    await find().then((recovery) => recovery.run(abort.signal));
    assert.deepEqual(recovered, ['one/0', 'one/0']);
    assert.deepEqual(
      log.of('resource not released').map(({ fields }) => fields['what']),
      ['first', 'third'],
    );
    assert.deepEqual(await records(), []);
  });

  it('reports a run as it ended if only the report was missing, and publishes nothing again', async () => {
    await leave('completed', { phase: 'report', resolution: { kind: 'completed' } });
    await leave('failed', { phase: 'report', resolution: { kind: 'failed' } });
    await leave('retried', { phase: 'report', resolution: { kind: 'exception', reason: 'intermittent-task' } });
    await leave('canceled', { phase: 'report', resolution: { kind: 'dropped' } });
    await recover();
    assert.deepEqual([...queue.resolutions].sort(), [
      'reportCompleted',
      'reportException intermittent-task',
      'reportFailed',
    ]);
    assert.deepEqual(publisher.late, []);
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
  });

  it('resolves a run worker-shutdown whose recorded resolution is unknown', async () => {
    await leave('one', { phase: 'report', resolution: { kind: 'exception', reason: 'bored' as 'worker-shutdown' } });
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(log.of('run record not usable').length, 1);
  });

  it('resolves a run of a newer version worker-shutdown, and publishes its log', async () => {
    await leave('one', { version: 3, phase: 'report', resolution: { kind: 'completed' } });
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(publisher.late.length, 1);
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
  });

  it('keeps no secret on disk of a run that it has resolved but not cleaned up', async () => {
    await leave('one', { live: { url: 'https://host.example.com/log', token: 'a-live-token' } });
    const texts: string[] = [];
    const recover = async (): Promise<void> => {
      texts.push(await readFile(join(stateDir(), 'runs', 'one.0.json'), 'utf8'));
    };
    features = [{ name: 'one', recover }];
    await (await find()).run(abort.signal);
    assert.equal(texts.length, 1);
    assert.doesNotMatch(texts.join(''), /a-live-token|accessToken|payload/);
  });

  it('reports nothing for a resolved run, whose credentials are gone', async () => {
    await leave('one', { phase: 'cleanup', credentials: undefined });
    await recover();
    assert.deepEqual(queue.trace.events, []);
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
  });

  it('accepts that a run was resolved elsewhere', async () => {
    await leave('one');
    queue.fail('reportException', conflict());
    await recover();
    assert.equal(log.of('task resolved elsewhere').length, 1);
    assert.deepEqual(await records(), []);
  });

  it('resolves a run without a directory or a log', async () => {
    const entry = (await RunJournal.open(stateDir())).entry(claimOf('one'));
    await entry.update({});
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.deepEqual(publisher.late, []);
    assert.deepEqual(await records(), []);
  });

  it('leaves what it could not report before it was stopped to the next start', async () => {
    await leave('one');
    queue.break('reportException', outage());
    const recovering = (await find()).run(abort.signal);
    await queue.trace.until('queue.reportException');
    abort.abort(new Error('stopped'));
    await recovering;
    assert.equal((await records()).length, 1);
    queue.break('reportException', undefined);
    abort = new AbortController();
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(publisher.late.length, 1);
    assert.deepEqual(await records(), []);
  });

  it('publishes logs and removes records with their credentials when the disk is full', async () => {
    await leave('one');
    const recovery = await find();
    mock.method(RunEntry.prototype, 'update', () =>
      Promise.reject(new Error('ENOSPC: no space left on device, write')),
    );
    await recovery.run(abort.signal);
    assert.equal(log.of('run journal not written').length, 1);
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(publisher.late.length, 1);
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
  });

  it('tells which directories must stay until their runs are cleaned up', async () => {
    await leave('one');
    const recovery = await find();
    assert.equal(recovery.isUnderWay('one-dir'), true);
    assert.equal(recovery.isUnderWay('another'), false);
    await recovery.run(abort.signal);
    assert.equal(recovery.isUnderWay('one-dir'), false);
  });

  it('removes directories without a record, and invalid records', async () => {
    await mkdir(join(runsDirectory(), 'orphan'));
    await leave('good');
    await writeFile(join(stateDir(), 'runs', 'half.0.json'), '{"taskId": "ha');
    await writeFile(join(stateDir(), 'runs', 'other.0.json.next'), 'half');
    await writeFile(join(stateDir(), 'runs', 'odd.0.json'), '{"taskId": "odd", "runId": -1}');
    await recover();
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(log.of('run record not readable').length, 2);
    assert.deepEqual(await records(), []);
    assert.deepEqual(await readdir(runsDirectory()), []);
  });

  it('removes nothing outside the directory of runs', async () => {
    const outside = join(root, 'precious');
    await mkdir(outside);
    await leave('one', { directory: outside });
    await recover();
    assert.deepEqual(await readdir(root), ['precious', 'runs', 'state']);
  });

  it('resolves runs that may have caused a stall internal-error, and alerts once', async () => {
    const working = ['claimed', 'admit', 'prepare', 'compile', 'collect', 'finish'] as const;
    for (const phase of working) await leave(phase, { phase });
    await leave('waiting', { phase: 'execute' });
    await leave('resolving', { phase: 'report' });
    await leave('resolved', { phase: 'cleanup', credentials: undefined });
    const stall = { at: '2026-01-01T00:00:00.000Z', stalledMs: 30_500, stack: 'at poison (/file.js:1:2)' };
    await writeFile(join(stateDir(), 'stall.json'), JSON.stringify(stall));
    await recover();
    const reasons: unknown = Object.fromEntries(
      log.of('task resolved').map(({ fields }) => [fields['taskId'], fields['taskState']]),
    );
    const expected = [
      ...working.map((phase) => [phase, 'internal-error']),
      ['waiting', 'worker-shutdown'],
      ['resolving', 'worker-shutdown'],
    ];
    assert.deepEqual(reasons, Object.fromEntries(expected));
    const runs = working.map((phase) => `${phase}/0`);
    const [alert, ...others] = log.of('main thread stalled');
    assert.deepEqual(
      { ...alert?.fields, runs: [...(alert?.fields['runs'] as string[])].sort() },
      { ...stall, runs: runs.sort() },
    );
    assert.deepEqual(others, []);
    const told = publisher.late.filter(({ text }) => /Reason: internal-error \(the worker stalled for 31 s/.test(text));
    assert.equal(told.length, working.length);
    assert.deepEqual(await readdir(stateDir()), ['runs']);
  });

  it("remembers which runs may have caused a stall when it can't report them at first", async () => {
    await leave('one', { phase: 'collect' });
    await writeFile(
      join(stateDir(), 'stall.json'),
      JSON.stringify({ at: new Date().toISOString(), stalledMs: 1, stack: '' }),
    );
    queue.break('reportException', outage());
    const recovering = (await find()).run(abort.signal);
    await queue.trace.until('queue.reportException');
    abort.abort(new Error('stopped'));
    await recovering;
    await leave('claimed-since', { phase: 'collect' });
    queue.break('reportException', undefined);
    abort = new AbortController();
    await recover();
    assert.deepEqual([...queue.resolutions].sort(), [
      'reportException internal-error',
      'reportException worker-shutdown',
    ]);
  });

  it('logs that the stall record is not readable', async () => {
    await leave('one', { phase: 'collect' });
    await writeFile(join(stateDir(), 'stall.json'), '{"at":');
    await recover();
    assert.equal(log.of('stall record not readable').length, 1);
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
    assert.deepEqual(await readdir(stateDir()), ['runs']);
  });

  it('does not touch its own runs', async () => {
    const journal = await RunJournal.open(stateDir());
    await journal.entry(claimOf('mine')).update({ phase: 'execute' });
    await (await find(journal)).run(abort.signal);
    assert.deepEqual(queue.trace.events, []);
    assert.deepEqual(await records(), ['mine.0.json']);
  });
});
