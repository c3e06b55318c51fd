import assert from 'node:assert/strict';
import { rmdir } from 'node:fs/promises';
import type { CacheLease, VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { CacheFixture, RELEASE_TIMEOUT_MS } from './cache-fixture.js';
import type { FakeCacheUser } from './cache-fixture.js';

describe('the hand-over of a cache', () => {
  let fixture: CacheFixture;
  let caches: VolumeCaches;
  beforeEach(async () => {
    ({ fixture, caches } = await CacheFixture.opened());
  });
  afterEach(() => fixture.remove());

  interface Taker {
    readonly user: FakeCacheUser;
    readonly leased: Promise<CacheLease>;
    /** Whether it has its cache. */
    readonly hasIt: () => Promise<boolean>;
  }

  /** A run that wants the cache, and perhaps waits. */
  const taker = (name?: string): Taker => {
    const user = fixture.user();
    const state = { has: false };
    const leased = user.acquire(caches, name).then((lease) => {
      state.has = true;
      return lease;
    });
    leased.catch(() => undefined);
    const hasIt = async (): Promise<boolean> => {
      await settle();
      return state.has;
    };
    return { user, leased, hasIt };
  };
  /** A run that has the cache. */
  const holder = async (name?: string): Promise<{ readonly user: FakeCacheUser; readonly lease: CacheLease }> => {
    const { user, leased } = taker(name);
    return { user, lease: await leased };
  };

  it('gives the cache to the next run as soon as it is returned', async () => {
    const before = await holder();
    before.user.end();
    const next = taker();
    assert.equal(await next.hasIt(), false);
    await before.lease.dispose();
    assert.equal((await next.leased).key, before.lease.key);
    assert.deepEqual(fixture.log.events.slice(-3), ['cache volume wait', 'cache volume release', 'cache volume hit']);
    // It is nobody else's meanwhile.
    assert.notEqual((await holder()).lease.key, before.lease.key);
  });

  it("does not wait while the cache's run goes on", async () => {
    const before = await holder();
    const next = await holder();
    assert.notEqual(next.lease.key, before.lease.key);
    assert.deepEqual(next.user.output.lines, []);
  });

  it('does not wait when another directory is free or another name is wanted', async () => {
    const [first, second] = [await holder(), await holder()];
    await first.lease.dispose();
    second.user.end();
    assert.equal((await holder()).lease.key, first.lease.key);
    assert.match((await holder('b')).lease.key, /^b::/);
  });

  it('lets one run wait and gives another a new directory', async () => {
    const before = await holder();
    before.user.end();
    const [next, other] = [taker(), taker()];
    assert.deepEqual([await next.hasIt(), await other.hasIt()], [false, true]);
    await before.lease.dispose();
    assert.equal((await next.leased).key, before.lease.key);
  });

  it('serves the run that came first', async () => {
    const [a, b] = [await holder(), await holder()];
    a.user.end();
    b.user.end();
    const [first, second] = [taker(), taker()];
    await b.lease.dispose();
    assert.equal((await first.leased).key, b.lease.key);
    assert.equal(await second.hasIt(), false);
    await a.lease.dispose();
    assert.equal((await second.leased).key, a.lease.key);
  });

  it('serves the waiting run when the cache is returned early', async () => {
    const [ended, atWork] = [await holder(), await holder()];
    ended.user.end();
    const next = taker();
    assert.equal(await next.hasIt(), false);
    await atWork.lease.dispose();
    assert.equal((await next.leased).key, atWork.lease.key);
    await ended.lease.dispose();
    assert.equal((await holder()).lease.key, ended.lease.key);
  });

  it('gives a new cache when the returned one is purged', async () => {
    const [a, b] = [await holder(), await holder()];
    a.user.end();
    b.user.end();
    const [first, second] = [taker(), taker()];
    assert.deepEqual([await first.hasIt(), await second.hasIt()], [false, false]);
    await a.lease.purge('of exit code 1');
    await a.lease.dispose();
    // One that can come back warm is left, for the run that came first.
    assert.equal(await second.hasIt(), true);
    assert.ok(![a.lease.key, b.lease.key].includes((await second.leased).key));
    assert.equal(await first.hasIt(), false);
    await b.lease.dispose();
    assert.equal((await first.leased).key, b.lease.key);
  });

  it('waits when the cache was marked while its run went on', async () => {
    const before = await holder();
    await caches.purge('a', fixture.now(), 'asked for');
    before.user.end();
    const next = taker();
    assert.equal(await next.hasIt(), false);
    await before.lease.dispose();
    assert.notEqual((await next.leased).key, before.lease.key);
  });

  it('makes a new directory when the cache was deleted', async () => {
    const before = await holder();
    before.user.end();
    const next = taker();
    await rmdir(before.lease.path);
    await before.lease.dispose();
    assert.notEqual((await next.leased).key, before.lease.key);
    assert.deepEqual(fixture.keys('cache volume missing'), [before.lease.key]);
  });

  it('skips a stopped run and serves the next', async () => {
    const before = await holder();
    before.user.end();
    const stopped = taker();
    await taker().leased;
    const reason = new Error('canceled');
    stopped.user.stop(reason);
    await assert.rejects(stopped.leased, reason);
    const next = taker();
    assert.equal(await next.hasIt(), false);
    await before.lease.dispose();
    assert.equal((await next.leased).key, before.lease.key);
  });

  it('returns the cache when its run is stopped on its turn', async () => {
    const before = await holder();
    before.user.end();
    const stopped = taker();
    assert.equal(await stopped.hasIt(), false);
    const released = before.lease.dispose();
    stopped.user.stop(new Error('canceled'));
    await released;
    // The lease is its own: it gives it back as any other.
    await (await stopped.leased).dispose();
    assert.equal((await holder()).lease.key, before.lease.key);
  });

  it('does not deadlock when two runs hold what the other wants', async () => {
    const [one, two] = [await holder('a'), await holder('b')];
    const [wantsB, wantsA] = await Promise.all([one.user.acquire(caches, 'b'), two.user.acquire(caches, 'a')]);
    assert.notEqual(wantsB.key, two.lease.key);
    assert.notEqual(wantsA.key, one.lease.key);
  });

  it('does not wait when the worker is configured not to', async () => {
    caches = await fixture.open(undefined, 0);
    const before = await holder();
    before.user.end();
    assert.notEqual((await holder()).lease.key, before.lease.key);
  });

  describe('for a cache that is not returned', () => {
    let clock: FakeClock;
    beforeEach(() => {
      clock = FakeClock.start();
    });
    afterEach(() => {
      clock.stop();
    });

    it('logs after a second and gives up at the limit', async () => {
      const before = await holder();
      before.user.end();
      const { user, hasIt, leased } = taker();
      await clock.advance(999);
      assert.deepEqual(user.output.lines, []);
      await clock.advance(2);
      const waiting = 'Waiting for the cache "a": the run that used it has ended and is being cleaned up.';
      assert.deepEqual(user.output.lines, [waiting]);
      await clock.advance(RELEASE_TIMEOUT_MS - 1002);
      assert.equal(await hasIt(), false);
      await clock.advance(2);
      assert.notEqual((await leased).key, before.lease.key);
      const late = 'The cache "a" was not released within 60 s; this run gets another directory.';
      assert.deepEqual(user.output.lines, [waiting, late]);
    });

    it('logs nothing when it is returned within a second', async () => {
      const before = await holder();
      before.user.end();
      const { user, leased } = taker();
      await clock.advance(900);
      await before.lease.dispose();
      await leased;
      await clock.advance(RELEASE_TIMEOUT_MS);
      assert.deepEqual(user.output.lines, []);
    });
  });
});
