import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunJournal } from '../../../src/lib/task/run-journal.js';
import type { RunEntry } from '../../../src/lib/task/run-journal.js';
import { ONCE_RESOLVED, newRunRecord } from '../../../src/lib/task/run-record.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { claimOf } from '../worker/fake-runs.js';

describe('the run journal', () => {
  let root: string;
  let entry: RunEntry;
  let log: MemoryLogger;
  const directory = (): string => join(root, 'state', 'runs');
  const file = (): string => join(directory(), 'a-task.0.json');

  beforeEach(async () => {
    log = new MemoryLogger();
    root = await mkdtemp(join(tmpdir(), 'journal-'));
    entry = (await RunJournal.open(join(root, 'state'))).entry(claimOf('a-task'));
  });

  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it('is accessible to its owner only', async () => {
    await entry.update({});
    assert.equal((await stat(join(root, 'state'))).mode & 0o777, 0o700);
    assert.equal((await stat(directory())).mode & 0o777, 0o700);
    assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('records all facts of a run, but nothing before the first update', async () => {
    assert.deepEqual(await readdir(directory()), []);
    await entry.update({ phase: 'execute', containerId: 'abc' });
    await entry.update({ phase: 'collect' });
    const record = JSON.parse(await readFile(file(), 'utf8')) as Record<string, unknown>;
    assert.equal(record['taskId'], 'a-task');
    assert.equal(record['phase'], 'collect');
    assert.equal(record['containerId'], 'abc');
    assert.deepEqual(record['credentials'], { clientId: 'c', accessToken: 'a' });
  });

  it('keeps the order of updates that were not awaited, and never shows half of one', async () => {
    const state = { isOver: false };
    const updates = Array.from({ length: 50 }, (_, number) => entry.update({ containerId: 'x'.repeat(number * 100) }));
    const all = Promise.all(updates).then(() => {
      state.isOver = true;
    });
    await updates[0];
    while (!state.isOver) JSON.parse(await readFile(file(), 'utf8'));
    await all;
    const { containerId } = JSON.parse(await readFile(file(), 'utf8')) as { containerId: string };
    assert.equal(containerId.length, 4900);
    assert.deepEqual(await readdir(directory()), ['a-task.0.json']);
  });

  it('removes a run, with pending writes and a file that a crash left half-written', async () => {
    void entry.update({ phase: 'report' });
    await writeFile(`${file()}.next`, 'half a record with credentials');
    await entry.remove();
    await entry.remove();
    assert.deepEqual(await readdir(directory()), []);
  });

  it('keeps all claims of a response in one file until each has its own', async () => {
    const journal = await RunJournal.open(join(root, 'other'));
    const files = (): Promise<string[]> => readdir(join(root, 'other', 'runs'));
    const claims = ['a', 'b', 'c'].map(claimOf);
    journal.noteClaims(claims);
    const [batch = ''] = await files();
    assert.match(batch, /^[0-9a-f]{16}\.claims$/);
    assert.equal((await stat(join(root, 'other', 'runs', batch))).mode & 0o777, 0o600);
    const [a, b, c] = claims.map((claim) => journal.entry(claim));
    await a?.update({ phase: 'admit' });
    await b?.update({ phase: 'admit' });
    assert.deepEqual((await files()).sort(), ['a.0.json', batch, 'b.0.json'].sort());
    await c?.remove();
    assert.deepEqual((await files()).sort(), ['a.0.json', 'b.0.json']);
  });

  it('finds the claims of a response whose worker died before it processed them', async () => {
    const died = await RunJournal.open(join(root, 'other'));
    const claims = ['a', 'b', 'c'].map(claimOf);
    died.noteClaims(claims);
    await died.entry(claims[1] ?? assert.fail()).update({ phase: 'collect' });
    const journal = await RunJournal.open(join(root, 'other'));
    const found = await journal.abandoned(log);
    const facts = found.map(
      ({ record }) => `${record.taskId} ${record.phase} ${record.credentials?.accessToken ?? ''}`,
    );
    assert.deepEqual(facts.sort(), ['a claimed a', 'b collect a', 'c claimed a']);
    assert.deepEqual((await readdir(join(root, 'other', 'runs'))).sort(), ['a.0.json', 'b.0.json', 'c.0.json']);
    assert.deepEqual(log.records, []);
  });

  it('finds the complete lines of a truncated response', async () => {
    const died = await RunJournal.open(join(root, 'other'));
    died.noteClaims(['a', 'b', 'c'].map(claimOf));
    const [batch = ''] = await readdir(join(root, 'other', 'runs'));
    const path = join(root, 'other', 'runs', batch);
    await truncate(path, (await stat(path)).size - 10);
    const found = await (await RunJournal.open(join(root, 'other'))).abandoned(log);
    assert.deepEqual(found.map(({ record }) => record.taskId).sort(), ['a', 'b']);
    assert.equal(log.of('run record not readable').length, 1);
    assert.deepEqual((await readdir(join(root, 'other', 'runs'))).sort(), ['a.0.json', 'b.0.json']);
  });

  it('keeps the definition of a task in each record of its run', async () => {
    const journal = await RunJournal.open(join(root, 'other'));
    const claim = claimOf('a');
    journal.noteClaims([claim]);
    const [batch = ''] = await readdir(join(root, 'other', 'runs'));
    const first = await readFile(join(root, 'other', 'runs', batch), 'utf8');
    assert.deepEqual((JSON.parse(first) as { task: unknown }).task, claim.task);
    const { task } = claim;
    const own = journal.entry(claim);
    await own.update({ phase: 'execute' });
    const [found] = await (await RunJournal.open(join(root, 'other'))).abandoned(log);
    assert.deepEqual([found?.record.task, found?.record.version, found?.record.phase], [task, 2, 'execute']);
    await found?.update({ phase: 'cleanup', ...ONCE_RESOLVED });
    const last = await readFile(join(root, 'other', 'runs', 'a.0.json'), 'utf8');
    assert.ok(!last.includes('accessToken') && !last.includes('payload'), last);
  });

  it('counts the run of a dead worker as its own once it is reopened', async () => {
    await entry.update({ phase: 'execute' });
    const journal = await RunJournal.open(join(root, 'state'));
    const [found = assert.fail()] = await journal.abandoned(log);
    const run = { taskId: 'a-task', runId: 0 };
    assert.equal(journal.isOpen(run), false);
    const reopened = journal.reopen(found);
    assert.equal(journal.isOpen(run), true);
    assert.deepEqual(await journal.abandoned(log), [], 'it is no longer abandoned');
    await reopened.update({ phase: 'collect', quickDeaths: 1 });
    assert.deepEqual([reopened.record.taskId, reopened.record.quickDeaths], ['a-task', 1]);
    await reopened.remove();
    assert.equal(journal.isOpen(run), false);
    assert.deepEqual(await readdir(directory()), []);
  });

  it('keeps a run closed whose entry is removed without being reopened', async () => {
    await entry.update({});
    const journal = await RunJournal.open(join(root, 'state'));
    const [found = assert.fail()] = await journal.abandoned(log);
    await found.remove();
    assert.equal(journal.isOpen(found.record), false);
  });

  it('finds runs of a newer version, and of records that are damaged, and logs that', async () => {
    for (const [taskId, facts] of [
      ['newer', { version: 3 }],
      ['damaged', { live: 'yes' }],
    ] as const) {
      const text = JSON.stringify({ ...newRunRecord(claimOf(taskId)), ...facts });
      await writeFile(join(directory(), `${taskId}.0.json`), text);
    }
    await writeFile(
      join(directory(), '0.claims'),
      `${JSON.stringify({ ...newRunRecord(claimOf('claimed')), version: 3 })}\n`,
    );
    const found = await (await RunJournal.open(join(root, 'state'))).abandoned(log);
    const facts = found.map(
      ({ record }) => `${record.taskId} ${String(record.version)} ${record.credentials?.accessToken ?? ''}`,
    );
    assert.deepEqual(facts.sort(), ['claimed 3 a', 'damaged 2 a', 'newer 3 a']);
    const told = log.of('run record not usable').map(({ fields }) => fields['reason']);
    assert.deepEqual(told.sort(), [
      'its version is 3; this worker knows 2',
      'its version is 3; this worker knows 2',
      'record/live must be object',
    ]);
    assert.deepEqual(log.of('run record not readable'), []);
  });

  it('skips its own claims when it looks for those of a previous worker', async () => {
    const journal = await RunJournal.open(join(root, 'other'));
    journal.noteClaims([claimOf('mine')]);
    assert.deepEqual(await journal.abandoned(log), []);
    assert.equal((await readdir(join(root, 'other', 'runs'))).length, 1);
  });

  it('keeps working after a failed write', async () => {
    const broken = new RunJournalProbe(root);
    const other = await broken.entryWithoutDirectory();
    await assert.rejects(other.update({}), { code: 'ENOENT' });
    await broken.mend();
    await other.update({ phase: 'finish' });
    assert.equal((await readdir(broken.directory)).length, 1);
  });

  it('does not write through a link', async () => {
    const target = join(root, 'target');
    await symlink(target, `${file()}.next`);
    await assert.rejects(entry.update({}), { code: 'ELOOP' });
    await assert.rejects(stat(target), { code: 'ENOENT' });
  });
});

/** A journal whose directory is taken away and brought back. */
class RunJournalProbe {
  readonly directory: string;
  readonly #stateDir: string;

  constructor(root: string) {
    this.#stateDir = join(root, 'other');
    this.directory = join(this.#stateDir, 'runs');
  }

  async entryWithoutDirectory(): Promise<RunEntry> {
    const journal = await RunJournal.open(this.#stateDir);
    await rm(this.directory, { recursive: true });
    return journal.entry(claimOf('b-task'));
  }

  async mend(): Promise<void> {
    await RunJournal.open(this.#stateDir);
  }
}
