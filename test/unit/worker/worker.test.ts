import { strict as assert } from 'node:assert';
import type { Claim } from '../../../src/lib/queue/queue-client.js';
import { settle } from '../../fakes/fake-clock.js';
import { claimsOf, fakeRun } from './fake-runs.js';
import type { FakeRun } from './fake-runs.js';
import { WorkerFixture } from './worker-fixture.js';

describe('the worker', () => {
  let fixture: WorkerFixture;
  beforeEach(() => {
    fixture = new WorkerFixture();
  });
  afterEach(() => fixture.close());

  /** A run that never ends. */
  const hangs = (claim: Claim, stop: AbortSignal): FakeRun => fakeRun(claim, stop);

  it('ends at once when stopped while idle', async () => {
    await fixture.start();
    fixture.worker.stop('graceful');
    await fixture.life;
    assert.deepEqual(fixture.endings, ['close', 'end']);
  });

  it('lets its runs end when stopped gracefully, and claims no more', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    await fixture.clock.advance(3_600_000, 60_000);
    assert.equal(fixture.runs[0]?.stop?.aborted, false);
    assert.deepEqual(fixture.endings, []);
    const calls = fixture.queue.claims.length;
    fixture.runs[0].finish();
    await fixture.life;
    assert.equal(fixture.queue.claims.length, calls);
    assert.deepEqual(fixture.endings, ['close', 'end']);
  });

  it('stops its runs when stopped immediately, and waits for them', async () => {
    await fixture.start();
    await fixture.claim(2);
    fixture.worker.stop('immediate');
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown', 'worker-shutdown']);
  });

  it('stops immediately at a second call', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    fixture.worker.stop('immediate');
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
  });

  it('ignores a later graceful stop after an immediate one', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.worker.stop('immediate');
    fixture.worker.stop('graceful');
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
  });

  it('stops its runs when the grace period ends, not before', async () => {
    await fixture.start({ gracePeriodMs: 60_000 });
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    await fixture.clock.advance(59_999);
    assert.equal(fixture.runs[0]?.stop?.aborted, false);
    await fixture.clock.advance(1);
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
  });

  it('does not restart the grace period at another graceful stop', async () => {
    await fixture.start({ gracePeriodMs: 60_000 });
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    await fixture.clock.advance(40_000);
    fixture.worker.stop('graceful');
    await fixture.clock.advance(20_000);
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
  });

  it('shuts the machine down after the idle timeout', async () => {
    await fixture.start({ afterIdleMs: 120_000 });
    await fixture.clock.advance(119_000);
    assert.deepEqual(fixture.endings, []);
    await fixture.clock.advance(1000);
    await fixture.life;
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
  });

  it('is not idle while a task runs', async () => {
    await fixture.start({ afterIdleMs: 120_000 });
    await fixture.clock.advance(100_000);
    await fixture.claim(1);
    await fixture.clock.advance(600_000);
    assert.deepEqual(fixture.endings, []);
    fixture.runs[0]?.finish();
    await fixture.clock.advance(119_000);
    assert.deepEqual(fixture.endings, []);
    await fixture.clock.advance(1000);
    await fixture.life;
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
  });

  it('lets tasks end after a notice that allows it', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.notify({ reason: 'maintenance', finishTasks: true });
    await settle();
    assert.equal(fixture.runs[0]?.stop?.aborted, false);
    fixture.runs[0].finish();
    await fixture.life;
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
    assert.equal(fixture.notices, 1);
  });

  it('stops its runs after a notice that does not let tasks end', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.notify({ reason: 'spot', finishTasks: false });
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
  });

  it('obeys a notice that comes while its runs end', async () => {
    await fixture.start();
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    await settle();
    assert.equal(fixture.runs[0]?.stop?.aborted, false);
    fixture.notify({ reason: 'spot', finishTasks: false });
    await fixture.life;
    assert.deepEqual(fixture.stopReasons(), ['worker-shutdown']);
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
  });

  it('does not keep tasks that the queue returns after an immediate stop', async () => {
    await fixture.start();
    fixture.queue.claims.at(-1)?.answer(claimsOf(1));
    fixture.worker.stop('immediate');
    await settle();
    assert.equal(fixture.runs[0]?.stop?.aborted, true);
    fixture.runs[0].finish();
    await fixture.life;
  });

  it('is idle when it can claim nothing', async () => {
    await fixture.start({ afterIdleMs: 1000 }, { capacity: 0 });
    await fixture.clock.advanceUntil(fixture.life, 1000);
    assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
  });

  it('ends within two minutes of an immediate stop even if runs hang, and shuts the machine down', async () => {
    await fixture.start({}, { run: hangs });
    await fixture.claim(1);
    fixture.notify({ reason: 'spot', finishTasks: false });
    await fixture.clock.advanceUntil(fixture.life, 120_000);
    assert.deepEqual(fixture.endings, ['shutdown', 'end']);
    assert.deepEqual(
      fixture.log.of('worker exit timed out').map(({ fields }) => fields['running']),
      [1],
    );
  });

  it('waits as long as its tasks take after a graceful stop', async () => {
    await fixture.start({}, { run: hangs });
    await fixture.claim(1);
    fixture.worker.stop('graceful');
    await fixture.clock.advance(86_400_000, 600_000);
    assert.deepEqual(fixture.endings, []);
  });
});
