import assert from 'node:assert/strict';
import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { CacheFixture, exists } from './cache-fixture.js';

const never = new AbortController().signal;
const UUID = '00000000-0000-4000-8000-000000000000';

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

  describe('after a restart', () => {
    it('are used again, the last used first', async () => {
      const keys = await several(2);
      const other = await acquire('other');
      await other.dispose();
      caches = await fixture.open();
      await caches.sweep();
      assert.deepEqual([(await acquire()).key, (await acquire()).key], [...keys].reverse());
      assert.equal((await acquire('other')).key, other.key);
      assert.equal((await stat(fixture.statePath)).mode & 0o777, 0o600);
    });

    it('keep the time up to which they were purged', async () => {
      assert.equal(caches.purgedUpTo, undefined);
      const time = fixture.now();
      await caches.notePurgedUpTo(time);
      assert.deepEqual((await fixture.open()).purgedUpTo, time);
    });

    it('are purged when a task had them at the crash, once its container is gone', async () => {
      const held = await acquire();
      caches = await fixture.open();
      assert.notEqual((await acquire()).key, held.key);
      assert.equal(await exists(held.path), true);
      await caches.sweep();
      assert.equal(await exists(held.path), false);
      await caches.close(60_000);
      assert.deepEqual(fixture.keys('cache volume removed'), [held.key]);
    });

    it('stay purged', async () => {
      const lease = await acquire();
      await lease.purge('for the test');
      caches = await fixture.open();
      assert.notEqual((await acquire()).key, lease.key);
    });

    it('are deleted without a state; foreign files are kept and logged', async () => {
      const lease = await acquire();
      await lease.dispose();
      const stray = join(fixture.directory, 'a', UUID);
      const orphan = join(fixture.directory, 'x%3Ay', UUID);
      for (const path of [stray, orphan, join(fixture.directory, 'documents/thesis')]) {
        await mkdir(path, { recursive: true });
        await writeFile(join(path, 'file'), 'x');
      }
      await mkdir(join(fixture.directory, 'empty'));
      await symlink(fixture.root, join(fixture.directory, 'link'));
      caches = await fixture.open();
      const young = await acquire('young');
      await caches.sweep();
      await caches.close(60_000);
      assert.deepEqual([...fixture.keys('cache volume removed')].sort(), [`a::${UUID}`, `x:y::${UUID}`]);
      assert.deepEqual([await exists(stray), await exists(orphan)], [false, false]);
      assert.deepEqual([await exists(lease.path), await exists(young.path)], [true, true]);
      assert.equal(await readFile(join(fixture.directory, 'documents/thesis/file'), 'utf8'), 'x');
      assert.equal(await exists(join(fixture.directory, 'empty')), false);
      const [told] = fixture.log.of('unknown entries in cache directory');
      assert.equal(told?.fields['count'], 2);
    });

    for (const [what, text] of [
      ['no JSON', '['],
      ['no list', '{}'],
      ['a path that leads elsewhere', JSON.stringify({ instances: [{ name: 'a', uuid: '../..' }] })],
      ['a name that leads elsewhere', JSON.stringify({ instances: [{ name: '..', uuid: UUID }] })],
    ] as const) {
      it(`start empty when their state is ${what}`, async () => {
        const lease = await acquire();
        await lease.dispose();
        await writeFile(fixture.statePath, text);
        caches = await fixture.open();
        assert.equal(fixture.log.of('cache state not readable').length, 1);
        assert.notEqual((await acquire()).key, lease.key);
        await caches.sweep();
        await caches.close(60_000);
        assert.deepEqual(fixture.keys('cache volume removed'), [lease.key]);
      });
    }
  });

  describe('when the disk is short', () => {
    it('are deleted, the least recently used first, until there is room', async () => {
      const keys = await several(3);
      const held = await acquire();
      let looks = 0;
      await caches.collect(() => {
        // What was given up before is off the disk by now.
        assert.equal(fixture.log.of('cache volume removed').length, looks);
        return Promise.resolve(looks++ < 1);
      }, never);
      assert.deepEqual(fixture.keys('cache volume removed'), keys.slice(0, 1));
      await caches.collect(() => Promise.resolve(true), never);
      assert.deepEqual(fixture.keys('cache volume removed'), keys.slice(0, 2));
      assert.equal(held.key, keys[2]);
      assert.equal(await exists(held.path), true);
    });

    it('are kept when there is room', async () => {
      await several(1);
      await caches.collect(() => Promise.resolve(false), never);
      assert.deepEqual(fixture.keys('cache volume purge'), []);
    });

    it('stop being deleted when the signal aborts', async () => {
      await several(1);
      const stop = new AbortController();
      const collected = caches.collect(() => {
        stop.abort(new Error('stop'));
        return Promise.resolve(true);
      }, stop.signal);
      await assert.rejects(collected, /stop/);
      assert.deepEqual(fixture.keys('cache volume purge'), []);
    });

    it('are deleted later when they could not be moved before', async () => {
      const lease = await acquire();
      await lease.purge('for the test');
      const trash = join(fixture.directory, '.worker');
      await writeFile(trash, 'in the way');
      await lease.dispose();
      assert.equal(fixture.log.of('resource not released').length, 1);
      assert.notEqual((await acquire()).key, lease.key);
      await rm(trash);
      await caches.collect(() => Promise.resolve(false), never);
      assert.deepEqual(fixture.keys('cache volume removed'), [lease.key]);
    });
  });
});
