import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Trash } from '../../../src/lib/caches/trash.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { skipBecause } from '../../support/skip-because.js';

const run = promisify(execFile);

describe('the trash of caches', () => {
  let root: string;
  let log: MemoryLogger;
  const removed: string[] = [];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'trash-'));
    log = new MemoryLogger();
    removed.length = 0;
  });
  afterEach(() => rm(root, { recursive: true }));

  const trash = (): Trash =>
    new Trash({
      directory: join(root, 'trash'),
      log,
      remove: (path) => {
        removed.push(path);
        return Promise.resolve();
      },
    });

  it('moves a directory away before it is deleted', async () => {
    const path = join(root, 'cache');
    await mkdir(path);
    const emptied = trash();
    assert.equal(await emptied.discard(path, () => undefined), true);
    assert.deepEqual(await readdir(root), ['trash']);
    await emptied.drained();
    assert.deepEqual(removed, [join(root, 'trash', (await readdir(join(root, 'trash')))[0] ?? '')]);
    assert.equal(await emptied.discard(path, () => assert.fail('it is gone already')), false);
  });

  it('deletes a directory in its place that it may not move', async function () {
    const path = join(root, 'cache');
    await mkdir(path);
    const isRoot = process.getuid?.() === 0;
    try {
      // What is closed to other users is open to root.
      await (isRoot ? run('chattr', ['+i', path]) : chmod(path, 0o500));
    } catch {
      skipBecause(this, 'this file system has no immutable files');
    }
    try {
      const emptied = trash();
      let isRemoved = false;
      const discarded = await emptied.discard(path, () => {
        isRemoved = true;
      });
      assert.equal(discarded, true);
      await emptied.drained();
      assert.deepEqual([removed, isRemoved, await readdir(join(root, 'trash'))], [[path], true, []]);
      assert.deepEqual(log.records, []);
    } finally {
      await (isRoot ? run('chattr', ['-i', path]) : chmod(path, 0o700));
    }
  });
});
