import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { changes } from '../../../../src/local-ci/watch/watch.js';
import type { WatchOptions } from '../../../../src/local-ci/watch/watch.js';
import { CiInputError } from '../../../../src/local-ci/model.js';
import { ScratchRepository } from '../../../support/scratch-repository.js';
import { until } from '../../../support/until.js';

describe('the watch over a checkout', () => {
  let repository: ScratchRepository;
  const ending: AbortController[] = [];
  beforeEach(async () => {
    repository = await ScratchRepository.create({
      'a.txt': 'one\n',
      'deep/er/b.txt': 'one\n',
      '.gitignore': 'built\n',
    });
  });
  afterEach(async () => {
    for (const controller of ending.splice(0)) controller.abort(new Error('the test is over'));
    await repository.remove();
  });

  /** Resolves once the first look has found nothing: from then on there are notices. */
  const watch = async (more: Partial<WatchOptions> = {}, commit?: string) => {
    const stop = new AbortController();
    ending.push(stop);
    const options = { env: process.env, directory: join(repository.parent, 'temporary'), ...more };
    const watched = { directory: repository.directory, commit: commit ?? (await repository.head()) };
    return { items: changes(watched, options, stop.signal), stop };
  };
  /** Fails if there is an item for anything that `change` does before it calls back. */
  const yieldsOnlyAfter = async (items: AsyncGenerator<void>, change: (now: () => void) => Promise<unknown>) => {
    let isChanged = false;
    const next = items.next().then(() => isChanged);
    await change(() => {
      isChanged = true;
    });
    assert.equal(await next, true);
  };

  it('tells of a tracked file that was written, in any directory', async () => {
    const { items } = await watch();
    for (const path of ['a.txt', 'deep/er/b.txt', 'a.txt']) {
      const next = items.next();
      await repository.write(path, `${path} ${Math.random()}\n`);
      assert.equal((await next).done, false);
    }
  });

  it('tells of a change that was made before it began, and of one while nobody listens', async () => {
    const commit = await repository.head();
    await repository.write('a.txt', 'two\n');
    const { items } = await watch({}, commit);
    assert.equal((await items.next()).done, false);
    await repository.write('a.txt', 'three\n');
    await repository.write('a.txt', 'four\n');
    assert.equal((await items.next()).done, false);
    const next = items.next();
    await repository.write('deep/er/b.txt', 'two\n');
    assert.equal((await next).done, false);
  });

  it('begins with the commit of the uncommitted changes that ran', async () => {
    await repository.write('a.txt', 'two\n');
    const { items } = await watch({}, await repository.git('stash', 'create'));
    await yieldsOnlyAfter(items, async (now) => {
      await repository.write('a.txt', 'two\n');
      now();
      await repository.write('deep/er/b.txt', 'two\n');
    });
  });

  it('does not tell of untracked and ignored files, nor of a commit of what was there', async () => {
    const { items } = await watch();
    await yieldsOnlyAfter(items, async (now) => {
      await repository.write('untracked.txt', 'x\n');
      await mkdir(join(repository.directory, 'built'));
      await repository.write('built/a.txt', 'x\n');
      await repository.git('commit', '--quiet', '--allow-empty', '--message', 'nothing');
      await repository.git('branch', 'other');
      await repository.git('checkout', '--quiet', 'other');
      await repository.write('a.txt', 'one\n');
      now();
      await repository.write('a.txt', 'two\n');
    });
  });

  it('tells of a file of the same size that was changed in the second of its commit', async () => {
    const second = (ms: number): number => Math.floor(ms / 1000);
    const mtimeMs = async (): Promise<number> => (await stat(join(repository.directory, 'a.txt'))).mtimeMs;
    let commit: string;
    let committedMs: number;
    do {
      await repository.write('a.txt', `${Math.random()}`.padEnd(20, '0'));
      committedMs = await mtimeMs();
      commit = await repository.commit('the second');
      await repository.write('a.txt', 'changed'.padEnd(20, '0'));
    } while (second(await mtimeMs()) !== second(committedMs));
    // The copy of the index is younger than the change.
    await until('the next second', async () => Promise.resolve(second(Date.now()) > second(committedMs)));
    const { items } = await watch({}, commit);
    assert.equal((await items.next()).done, false);
  });

  it('tells of a file that is added, moved and deleted, and of its directory', async () => {
    const { items } = await watch();
    const after = async (change: () => Promise<unknown>) => {
      const next = items.next();
      await change();
      assert.equal((await next).done, false);
    };
    await after(async () => {
      await repository.write('new/c.txt', 'one\n');
      await repository.git('add', 'new/c.txt');
    });
    await after(() => repository.write('new/c.txt', 'two\n'));
    await after(() => rename(join(repository.directory, 'deep'), join(repository.directory, 'elsewhere')));
    await after(() => rename(join(repository.directory, 'elsewhere'), join(repository.directory, 'deep')));
    await after(() => repository.write('deep/er/b.txt', 'two\n'));
    await after(() => rm(join(repository.directory, 'deep'), { recursive: true }));
    await after(() => repository.git('checkout', '--quiet', '.'));
  });

  it('tells of another branch, and of a file that becomes a link', async () => {
    await repository.git('checkout', '--quiet', '-b', 'other');
    await repository.commit('the second', { 'a.txt': 'two\n' });
    await repository.git('checkout', '--quiet', 'main');
    const { items } = await watch();
    const switched = items.next();
    await repository.git('checkout', '--quiet', 'other');
    await switched;
    const linked = items.next();
    await rm(join(repository.directory, 'a.txt'));
    await symlink('/nonexistent', join(repository.directory, 'a.txt'));
    await linked;
  });

  it('looks only at commits when it should', async () => {
    const { items } = await watch({ headOnly: true });
    await yieldsOnlyAfter(items, async (now) => {
      await repository.write('a.txt', 'two\n');
      await repository.git('add', 'a.txt');
      now();
      await repository.commit('the second');
    });
  });

  it('says when it can only look from time to time, and does', async () => {
    const said: string[] = [];
    const { items } = await watch({ maxDirectories: 2, onSlow: (text) => said.push(text) });
    const next = items.next();
    await repository.write('deep/er/b.txt', 'two\n');
    await next;
    assert.deepEqual(said, [
      "The checkout can't be watched: it has more than 2 directories. It is looked at every 3 seconds instead.",
    ]);
  });

  it('works in a worktree, and leaves index and temporary files as they were', async () => {
    const worktree = join(repository.parent, 'worktree');
    await repository.git('worktree', 'add', '--quiet', worktree);
    const stop = new AbortController();
    ending.push(stop);
    const directory = join(repository.parent, 'temporary');
    const watched = { directory: worktree, commit: await repository.head() };
    const items = changes(watched, { env: process.env, directory }, stop.signal);
    const next = items.next();
    await rm(join(worktree, 'a.txt'));
    await next;
    assert.deepEqual(await readdir(directory), []);
    await items.return();
    assert.equal(await repository.git('-C', worktree, 'status', '--porcelain'), ' D a.txt');
  });

  it('does not fail while there is a conflict', async () => {
    await repository.git('checkout', '--quiet', '-b', 'other');
    await repository.commit('theirs', { 'a.txt': 'two\n' });
    await repository.git('checkout', '--quiet', 'main');
    await repository.commit('ours', { 'a.txt': 'three\n' });
    const { items } = await watch();
    const next = items.next();
    await assert.rejects(repository.git('merge', '--quiet', 'other'));
    assert.equal((await next).done, false);
  });

  it('ends when it is told to, even while it waits', async () => {
    const { items, stop } = await watch();
    const next = items.next();
    stop.abort(new Error('enough'));
    assert.equal((await next).done, true);
  });

  it('fails with what git says', async () => {
    const { items } = await watch({}, '0'.repeat(40));
    await assert.rejects(items.next(), CiInputError);
  });
});
