import assert from 'node:assert/strict';
import { Reporter } from '../../../../src/lib/task/phases/report.js';
import { COMPLETED, FAILED, exception } from '../../../../src/lib/outcome/resolution.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { FakeQueue, conflict, outage } from '../../../fakes/fake-queue.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';

const MINUTE_MS = 60_000;

describe('the report of a run', () => {
  let clock: FakeClock;
  let queue: FakeQueue;
  let log: MemoryLogger;
  let takenUntil: Date;
  let abort: AbortController;
  let reporter: Reporter;

  beforeEach(() => {
    clock = FakeClock.start();
    queue = new FakeQueue();
    log = new MemoryLogger();
    takenUntil = new Date(Date.now() + 5 * MINUTE_MS);
    abort = new AbortController();
    reporter = new Reporter({ queue, takenUntil: () => takenUntil, log, now: clock.now, signal: abort.signal });
  });
  afterEach(() => {
    clock.stop();
  });

  it('sends the first resolution, once', async () => {
    await Promise.all([reporter.report(exception('worker-shutdown')), reporter.report(COMPLETED)]);
    await reporter.report(FAILED);
    assert.deepEqual(queue.resolutions, ['reportException worker-shutdown']);
  });

  it('is retried until the queue accepts it', async () => {
    queue.fail('reportCompleted', outage(), outage(), outage());
    await clock.advanceUntil(reporter.report(COMPLETED), MINUTE_MS);
    assert.deepEqual(queue.resolutions, ['reportCompleted']);
  });

  it('is given up with an alert when the claim is over', async () => {
    queue.break('reportCompleted', outage());
    await clock.advanceUntil(reporter.report(COMPLETED), 6 * MINUTE_MS);
    assert.ok(Date.now() >= takenUntil.getTime());
    assert.deepEqual(
      log.of('task not resolved').map(({ level }) => level),
      ['alert'],
    );
  });

  it('is retried for as long as the claim is reclaimed', async () => {
    queue.break('reportCompleted', outage());
    const reported = reporter.report(COMPLETED);
    await clock.advance(4 * MINUTE_MS, 1000);
    takenUntil = new Date(Date.now() + 20 * MINUTE_MS);
    await clock.advance(10 * MINUTE_MS, 1000);
    queue.break('reportCompleted', undefined);
    await clock.advanceUntil(reported, MINUTE_MS);
    assert.deepEqual(queue.resolutions, ['reportCompleted']);
  });

  it('is retried for a while even when the claim seems to be over', async () => {
    takenUntil = new Date(Date.now() - MINUTE_MS);
    queue.fail('reportFailed', outage());
    await clock.advanceUntil(reporter.report(FAILED), MINUTE_MS);
    assert.deepEqual(queue.resolutions, ['reportFailed']);
  });

  it('ends at a conflict: the run was resolved elsewhere', async () => {
    queue.fail('reportFailed', conflict());
    await reporter.report(FAILED);
    assert.equal(log.of('task resolved elsewhere').length, 1);
    assert.equal(queue.trace.count('queue.reportFailed'), 1);
  });

  it('is left unsent when its signal aborts', async () => {
    queue.break('reportFailed', outage());
    const reported = reporter.report(FAILED);
    await queue.trace.until('queue.reportFailed');
    abort.abort(new Error('stop'));
    await reported;
    assert.equal(log.of('task not resolved yet').length, 1);
    assert.deepEqual(log.of('task not resolved'), []);
  });
});
