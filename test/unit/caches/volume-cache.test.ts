import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rmdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheNameOf } from '../../../src/lib/caches/cache-name.js';
import { Trash } from '../../../src/lib/caches/trash.js';
import type { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { CacheFixture, exists } from './cache-fixture.js';

describe('volume caches', () => {
  let fixture: CacheFixture;
  let caches: VolumeCaches;
  beforeEach(async () => {
    ({ fixture, caches } = await CacheFixture.opened());
  });
  afterEach(() => fixture.remove());

  const acquire = (name = 'a', from = caches) => fixture.user().acquire(from, name);
  /** Instances of one cache, given back in this order. */
  const several = async (count: number): Promise<readonly string[]> => {
    const leases = [];
    for (let i = 0; i < count; i++) leases.push(await acquire());
    for (const lease of leases) await lease.dispose();
    return leases.map(({ key }) => key);
  };

  describe('taken by a task', () => {
    it('are directories writable by any user, below a private one', async () => {
      const { path, key, name } = await acquire();
      const uuid = path.split('/').at(-1) ?? '';
      assert.deepEqual([path, key, name], [join(fixture.directory, 'a', uuid), `a::${uuid}`, 'a']);
      assert.equal((await stat(path)).mode & 0o777, 0o777);
      assert.equal((await stat(join(fixture.directory, 'a'))).mode & 0o777, 0o700);
      assert.deepEqual(fixture.log.records, [
        { level: 'info', event: 'cache volume miss', fields: { key, name, path } },
      ]);
    });

    it('belong to the task until it returns them', async () => {
      const [first, second] = await Promise.all([acquire(), acquire()]);
      assert.notEqual(first.key, second.key);
      await first.dispose();
      const third = await acquire();
      assert.equal(third.key, first.key);
      assert.deepEqual(fixture.log.events.slice(-2), ['cache volume release', 'cache volume hit']);
      // A lease that was given back has no say any more.
      await first.purge('late');
      await first.dispose();
      assert.notEqual((await acquire()).key, third.key);
      assert.deepEqual(fixture.keys('cache volume purge'), []);
    });

    it('are kept apart by their exact name', async () => {
      const names = ['a', 'A', 'a:', 'a%3A', '.a', '%2Ea', 'constructor', '__proto__'];
      const leases = [];
      for (const name of names) {
        const lease = await acquire(name);
        await lease.dispose();
        leases.push(lease);
      }
      assert.equal(new Set(leases.map(({ path }) => join(path, '..'))).size, names.length);
      for (const [i, name] of names.entries()) assert.equal((await acquire(name)).key, leases[i]?.key);
      assert.ok(leases.every(({ path }) => !path.includes(':')));
    });

    it('are the most recently used', async () => {
      const keys = await several(3);
      assert.deepEqual([(await acquire()).key, (await acquire()).key, (await acquire()).key], [...keys].reverse());
    });

    it('are made again when they were deleted or replaced by a link', async () => {
      const outside = join(fixture.root, 'outside');
      await mkdir(outside);
      const first = await acquire();
      await first.dispose();
      await rmdir(first.path);
      const second = await acquire();
      assert.notEqual(second.key, first.key);
      await second.dispose();
      await rmdir(second.path);
      await symlink(outside, second.path);
      assert.notEqual((await acquire()).key, second.key);
      assert.deepEqual(fixture.keys('cache volume missing'), [first.key, second.key]);
    });

    for (const name of ['level-1/checkouts', '/a/', 'a:b', '%2F', '.a']) {
      it(`have one directory when named ${name}`, async () => {
        const { path } = await acquire(name);
        const [directory = ''] = (await readdir(fixture.directory)).filter((entry) => !entry.startsWith('.'));
        assert.equal(cacheNameOf(directory), name);
        assert.equal(dirname(path), join(fixture.directory, directory));
      });
    }

    for (const name of ['', '.', '..', 'a/../b', '../a', 'a::b', 'a\n', 'a\0', 'ä'.repeat(128)]) {
      it(`refuse the name ${JSON.stringify(name.slice(0, 9))}`, async () => {
        await assert.rejects(acquire(name), /is not a valid cache name/);
        assert.deepEqual(await readdir(fixture.directory), []);
      });
    }

    it('fail and leave nothing when their state cannot be written', async () => {
      await mkdir(`${fixture.statePath}.next`);
      await assert.rejects(acquire(), { code: 'EISDIR' });
      await rmdir(`${fixture.statePath}.next`);
      await acquire();
      await caches.close(60_000);
      const [made, ...others] = await readdir(join(fixture.directory, 'a'));
      assert.deepEqual([fixture.keys('cache volume miss'), others], [[`a::${made ?? ''}`], []]);
      assert.equal(fixture.log.of('cache volume removed').length, 1);
    });
  });

  describe('being purged', () => {
    it('are deleted when free, or as soon as they are returned', async () => {
      const [free, held] = await Promise.all([acquire(), acquire()]);
      await writeFile(join(free.path, 'file'), 'x');
      await free.dispose();
      await held.purge('of exit code 1');
      await caches.purge('a', fixture.now(), 'asked for');
      assert.deepEqual([await exists(free.path), await exists(held.path)], [false, true]);
      assert.ok(![free.key, held.key].includes((await acquire()).key));
      await held.dispose();
      assert.equal(await exists(held.path), false);
      await caches.close(60_000);
      assert.deepEqual([...fixture.keys('cache volume removed')].sort(), [free.key, held.key].sort());
      assert.deepEqual(await readdir(join(fixture.directory, '.worker/trash')), []);
      assert.deepEqual(
        fixture.log.of('cache volume purge').map(({ fields }) => [fields['key'], fields['name'], fields['reason']]),
        [
          [held.key, 'a', 'of exit code 1'],
          [free.key, 'a', 'asked for'],
        ],
      );
    });

    it('are those of the name made up to the time', async () => {
      const old = await acquire();
      const other = await acquire('other');
      const time = fixture.now();
      const young = await acquire();
      for (const lease of [old, other, young]) await lease.dispose();
      await caches.purge('a', time, 'asked for');
      assert.deepEqual(fixture.keys('cache volume purge'), [old.key]);
      await caches.purge('a', time, 'asked for');
      assert.deepEqual(fixture.keys('cache volume purge'), [old.key]);
      assert.equal((await acquire()).key, young.key);
    });

    it('are all made up to the time when no name is given', async () => {
      const leases = [await acquire('a'), await acquire('b')];
      const time = fixture.now();
      leases.push(await acquire('c'));
      await caches.purge(undefined, time, 'in doubt');
      assert.deepEqual(
        fixture.keys('cache volume purge'),
        leases.slice(0, 2).map(({ key }) => key),
      );
    });

    it('are deleted in the background', async () => {
      let asked = 0;
      const remove = (_path: string, signal: AbortSignal): Promise<void> => {
        asked++;
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        });
      };
      const trash = new Trash({ directory: join(fixture.directory, '.worker/trash'), log: fixture.log, remove });
      caches = await fixture.open(trash);
      const first = await acquire();
      await first.purge('for the test');
      await first.dispose();
      const second = await acquire();
      await second.dispose();
      await caches.purge('a', fixture.now(), 'asked for');
      assert.notEqual((await acquire()).key, second.key);
      // One at a time; what is not done when the worker ends is left where the next one finds it.
      assert.equal(asked, 1);
      await caches.close(0);
      assert.equal((await readdir(join(fixture.directory, '.worker/trash'))).length, 2);
      const next = await fixture.open();
      await next.sweep();
      await next.close(60_000);
      assert.deepEqual(await readdir(join(fixture.directory, '.worker/trash')), []);
    });

    it('are deleted without following links', async () => {
      const outside = join(fixture.root, 'outside');
      await mkdir(join(outside, 'sub'), { recursive: true });
      await writeFile(join(outside, 'file'), 'untouched');
      const lease = await acquire();
      await symlink(outside, join(lease.path, 'directory'));
      await symlink(join(outside, 'file'), join(lease.path, 'file'));
      await symlink('../../../outside', join(lease.path, 'up'));
      await mkdir(join(lease.path, 'closed'));
      await symlink('/', join(lease.path, 'closed/root'));
      await chmod(join(lease.path, 'closed'), 0);
      await lease.purge('for the test');
      await lease.dispose();
      await caches.close(60_000);
      assert.deepEqual(fixture.keys('cache volume removed'), [lease.key]);
      assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'untouched');
    });
  });
});
