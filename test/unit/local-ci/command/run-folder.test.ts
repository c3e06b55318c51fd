import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { RECORD, lastRunFolder, newRunFolder, runFolders } from '../../../../src/local-ci/command/run-folder.js';
import { keepMemory, readMemory } from '../../../../src/local-ci/command/run-memory.js';

describe('the folders of runs', () => {
  let directory: string;
  let folders: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-folder-'));
    folders = runFolders('/work/my project', { env: {}, homeDirectory: directory });
  });
  afterEach(() => rm(directory, { recursive: true }));

  const day = (number: number): Date => new Date(Date.UTC(2026, 0, number, 1, 2, 3));

  async function runOn(date: Date, isOver = true): Promise<string> {
    const folder = await newRunFolder(folders, date);
    if (isOver) await writeFile(join(folder, RECORD), '{}');
    return folder;
  }

  it('are apart for each checkout, below the directory for states', () => {
    assert.match(folders, /\/\.local\/state\/local-ci\/my_project-[0-9a-f]{8}$/);
    const options = { env: { XDG_STATE_HOME: '/state' }, homeDirectory: directory };
    assert.equal(dirname(runFolders('/a', options)), '/state/local-ci');
    assert.notEqual(runFolders('/a/b', options), runFolders('/c/b', options));
    const relative = { env: { XDG_STATE_HOME: 'state' }, homeDirectory: directory };
    assert.match(runFolders('/a', relative), /\/\.local\/state\//);
  });

  it('are for the user alone', async () => {
    const folder = await runOn(day(1));
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.match(basename(folder), /^2026-01-01T01-02-03\.000-[0-9a-f]{4}$/);
  });

  it('are removed, except those of the last three runs', async () => {
    const all: string[] = [];
    for (const number of [1, 2, 3, 4, 5]) all.push(await runOn(day(number)));
    assert.deepEqual(
      (await readdir(folders)).sort(),
      all.slice(-3).map((folder) => basename(folder)),
    );
  });

  it('are kept for a week without an end: the run may go on', async () => {
    const open = await runOn(day(1), false);
    for (const number of [2, 3, 4, 5, 6]) await runOn(day(number));
    assert.ok((await readdir(folders)).includes(basename(open)));
    await runOn(day(9));
    assert.ok(!(await readdir(folders)).includes(basename(open)));
  });

  it('tell the last run that has ended', async () => {
    await assert.rejects(lastRunFolder(folders), /--rerun: nothing is known of an earlier run of this checkout/);
    await runOn(day(1));
    const last = await runOn(day(2));
    await runOn(day(3), false);
    assert.equal(await lastRunFolder(folders), last);
  });

  it('hold what a repetition needs to know', async () => {
    const folder = await runOn(day(1));
    assert.equal(await readMemory(folder), undefined);
    const memory = { title: 'push', commit: 'a'.repeat(40), refs: ['refs/heads/main'], port: 4000 };
    await keepMemory(folder, memory);
    assert.deepEqual(await readMemory(folder), { version: 1, ...memory });
    await writeFile(join(folder, 'local-ci.json'), '{"version": 2}');
    assert.equal(await readMemory(folder), undefined);
    await writeFile(join(folder, 'local-ci.json'), '{');
    assert.equal(await readMemory(folder), undefined);
  });
});
