import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import type { PurgeCache } from 'taskcluster-client';
import { Deployment, ManualClock, POOL, refusalOf, statusCodeOf } from './deployment.js';

describe('purge requests of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => {
    clock = new ManualClock();
    return { now: clock.now };
  });
  let purgeCache: PurgeCache;
  let anonymous: PurgeCache;
  beforeEach(() => {
    purgeCache = new clients.PurgeCache(deployment.clientOptions());
    anonymous = new clients.PurgeCache(deployment.clientOptions({ credentials: {} }));
  });
  const request = (cacheName: string, workerType = 'pool') => ({
    provisionerId: 'local',
    workerType,
    cacheName,
    before: clock.now().toJSON(),
  });

  it('are per pool, and can be read without credentials', async () => {
    await purgeCache.purgeCache(POOL, { cacheName: 'one' });
    await purgeCache.purgeCache('local/other', { cacheName: 'two' });
    assert.deepEqual(await anonymous.purgeRequests(POOL), { requests: [request('one')] });
    assert.deepEqual(await anonymous.purgeRequests('local/none'), { requests: [] });
    assert.deepEqual(await anonymous.allPurgeRequests(), { requests: [request('two', 'other'), request('one')] });
  });

  it('can be listed since a time, that time included', async () => {
    await purgeCache.purgeCache(POOL, { cacheName: 'old' });
    clock.advance(1);
    const since = clock.now().toJSON();
    await purgeCache.purgeCache(POOL, { cacheName: 'new' });
    assert.deepEqual(await anonymous.purgeRequests(POOL, { since }), { requests: [request('new')] });
    assert.equal((await anonymous.purgeRequests(POOL)).requests.length, 2);
    clock.advance(1);
    assert.deepEqual(await anonymous.purgeRequests(POOL, { since: clock.now().toJSON() }), { requests: [] });
    assert.equal(await statusCodeOf(anonymous.purgeRequests(POOL, { since: 'yesterday' })), 400);
  });

  it('are renewed by another request for the same cache, and expire after a day', async () => {
    await purgeCache.purgeCache(POOL, { cacheName: 'one' });
    clock.advance(60);
    await purgeCache.purgeCache(POOL, { cacheName: 'one' });
    assert.deepEqual(await anonymous.purgeRequests(POOL), { requests: [request('one')] });
    clock.advance(24 * 60);
    assert.deepEqual(await anonymous.purgeRequests(POOL), { requests: [] });
  });

  it('require the scope for the cache', async () => {
    const refusal = await refusalOf(anonymous.purgeCache(POOL, { cacheName: 'one' }));
    assert.equal(refusal.statusCode, 403);
    assert.match(refusal.message, /purge-cache:local\/pool:one/);
  });
});
