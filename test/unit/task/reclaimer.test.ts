import { strict as assert } from 'node:assert';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { Reclaimer } from '../../../src/lib/task/reclaimer.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeQueue, conflict, outage } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const MINUTE_MS = 60_000;

describe('a claim', () => {
  let clock: FakeClock;
  let queue: FakeQueue;
  let log: MemoryLogger;
  let credentials: CredentialHolder;
  let lost: string[];
  let refusals: ServiceError[];
  let renewed: Date[];
  let reclaimer: Reclaimer;

  beforeEach(() => {
    clock = FakeClock.start();
    queue = new FakeQueue();
    log = new MemoryLogger();
    credentials = new CredentialHolder({ clientId: 'task-client', accessToken: 'claimed' });
    queue.forRun({}, credentials);
    lost = [];
    refusals = [];
    renewed = [];
    reclaimer = new Reclaimer({
      queue,
      credentials,
      takenUntil: new Date(Date.now() + 20 * MINUTE_MS),
      reclaimDivisor: 2,
      cancelPollIntervalMs: 30_000,
      log,
      now: clock.now,
      onLost: ({ reason }) => lost.push(reason),
      onPollRefused: (error) => refusals.push(error),
      onReclaimed: (takenUntil) => renewed.push(takenUntil),
    });
    reclaimer.start();
  });

  afterEach(() => {
    reclaimer.stop();
    clock.stop();
  });

  const reclaims = (): number => queue.trace.count('queue.reclaim');

  it('is reclaimed once the time left, divided by the divisor, has passed, and again after that', async () => {
    await clock.advance(10 * MINUTE_MS - 1);
    assert.equal(reclaims(), 0);
    await clock.advance(1);
    assert.equal(reclaims(), 1);
    assert.equal(reclaimer.takenUntil.getTime(), Date.now() + 20 * MINUTE_MS);
    assert.deepEqual(renewed, [reclaimer.takenUntil]);
    await clock.advance(10 * MINUTE_MS);
    assert.equal(reclaims(), 2);
  });

  it('gets new credentials, which the next call uses', async () => {
    await clock.advance(10 * MINUTE_MS);
    assert.equal(credentials.current.accessToken, 'renewed-1');
    await clock.advance(MINUTE_MS);
    assert.equal(queue.usedTokens.at(-1), 'renewed-1');
  });

  it('is lost as canceled when a reclaim returns a conflict', async () => {
    queue.fail('reclaim', conflict());
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(lost, ['canceled']);
    assert.equal(reclaims(), 1);
  });

  it('is reclaimed after errors', async () => {
    queue.fail('reclaim', outage(), new Error('reset'), outage());
    await clock.advance(11 * MINUTE_MS, 500);
    assert.equal(reclaims(), 4);
    assert.equal(log.of('error reclaiming task').length, 3);
    assert.deepEqual(lost, []);
  });

  it('is lost as reclaim-failed when it expires before a reclaim succeeds', async () => {
    queue.break('reclaim', outage());
    await clock.advance(20 * MINUTE_MS - 1000);
    assert.deepEqual(lost, []);
    assert.ok(reclaims() > 5);
    await clock.advance(1000);
    assert.deepEqual(lost, ['reclaim-failed']);
  });

  it('is lost as reclaim-failed when the queue never answers', async () => {
    queue.hang('reclaim');
    await clock.advance(20 * MINUTE_MS);
    assert.deepEqual(lost, ['reclaim-failed']);
  });

  it('is polled every thirty seconds, and lost when the run is resolved', async () => {
    await clock.advance(59_000, 1000);
    assert.equal(queue.trace.count('queue.isResolved'), 1);
    queue.resolved = true;
    await clock.advance(1000);
    assert.deepEqual(lost, ['canceled']);
  });

  it('is kept when polling fails', async () => {
    queue.break('isResolved', outage());
    await clock.advance(5 * MINUTE_MS);
    assert.deepEqual(lost, []);
    assert.equal(log.of('error polling task status').length, 10);
    assert.deepEqual(refusals, []);
  });

  it('is kept without log lines while the queue refuses polls, and lost once a poll says so', async () => {
    queue.break('isResolved', new ServiceError('taskcluster', 'HTTP 403: queue:status', 403));
    await clock.advance(5 * MINUTE_MS);
    assert.equal(refusals.length, 10);
    assert.deepEqual(log.of('error polling task status'), []);
    queue.break('isResolved', undefined);
    queue.resolved = true;
    await clock.advance(MINUTE_MS);
    assert.deepEqual(lost, ['canceled']);
  });

  it('makes no calls and logs nothing once it is released', async () => {
    queue.break('reclaim', outage());
    await clock.advance(11 * MINUTE_MS);
    reclaimer.stop();
    reclaimer.stop();
    const before = queue.trace.events.length;
    await clock.advance(60 * MINUTE_MS);
    assert.equal(queue.trace.events.length, before);
    assert.deepEqual(lost, []);
  });

  it('is reported lost once, and no longer reclaimed', async () => {
    queue.resolved = true;
    await clock.advance(60 * MINUTE_MS);
    assert.deepEqual(lost, ['canceled']);
    assert.equal(reclaims(), 0);
  });
});
