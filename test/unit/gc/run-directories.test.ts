import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunDirectories } from '../../../src/lib/gc/run-directories.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const HOUR_MS = 3_600_000;
const SLUGID = 'a-b_c-5-Qk2XMQdTL6wBQa1';

describe('the collector of run directories', () => {
  let root: string;
  let directory: string;
  let log: MemoryLogger;
  let open: string;
  let recovering: string | undefined;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'run-directories-'));
    directory = join(root, 'runs');
    await mkdir(directory);
    log = new MemoryLogger();
    open = '';
    recovering = undefined;
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const add = async (name: string, ageMs = 2 * HOUR_MS): Promise<void> => {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, 'task.log'), 'hello\n');
    const at = new Date(Date.now() - ageMs);
    await utimes(join(directory, name), at, at);
  };
  const collect = async (signal = new AbortController().signal): Promise<void> => {
    const source = new RunDirectories({
      directory,
      journal: { isOpen: ({ taskId, runId }) => `${taskId}/${runId}` === open },
      isRecovering: (name) => name === recovering,
      log,
      now: () => new Date(),
    });
    await source.collect(() => Promise.resolve(true), signal);
  };

  it('deletes old directories', async () => {
    await add(`${SLUGID}-0-aBcD12`);
    await add('whatever');
    await add(`${SLUGID}-1-aBcD12`, HOUR_MS / 2);
    await collect();
    assert.deepEqual(await readdir(directory), [`${SLUGID}-1-aBcD12`]);
    assert.equal(log.of('temporary files removed').length, 2);
  });

  it('keeps directories of runs that continue or are being recovered', async () => {
    const names = [`${SLUGID}-12-aBcD12`, `${SLUGID}-3-aBcD12`];
    open = `${SLUGID}/12`;
    recovering = names[1];
    for (const name of names) await add(name);
    await collect();
    assert.deepEqual((await readdir(directory)).sort(), names);
  });

  it('does not follow links', async () => {
    await mkdir(join(root, 'precious'));
    await writeFile(join(root, 'precious', 'file'), '');
    await symlink(join(root, 'precious'), join(directory, 'link'));
    const source = new RunDirectories({
      directory,
      journal: { isOpen: () => false },
      isRecovering: () => false,
      log,
      now: () => new Date(Date.now() + 2 * HOUR_MS),
    });
    await source.collect(() => Promise.resolve(true), new AbortController().signal);
    assert.deepEqual(await readdir(directory), []);
    assert.deepEqual(await readdir(join(root, 'precious')), ['file']);
  });

  it('deletes nothing once the worker ends', async () => {
    await add('old');
    const reason = new Error('the worker has ended');
    await assert.rejects(collect(AbortSignal.abort(reason)), (error) => error === reason);
    assert.deepEqual(await readdir(directory), ['old']);
  });
});
