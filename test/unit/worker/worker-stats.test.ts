import assert from 'node:assert/strict';
import type { MetricsRecorder } from '../../../src/lib/log/metrics-recorder.js';
import { WorkerStats } from '../../../src/lib/worker/worker-stats.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

describe('WorkerStats', () => {
  let nowMs: number;
  let ended: unknown[];
  const make = (capacity: number): WorkerStats => {
    const metrics: Pick<MetricsRecorder, 'claimEnded'> = { claimEnded: (...facts) => ended.push(facts) };
    return new WorkerStats({ capacity, metrics, nowMs: () => nowMs });
  };

  beforeEach(() => {
    nowMs = 5000;
    ended = [];
  });

  it('sums the time of all busy slots', () => {
    const stats = make(2);
    nowMs += 1000;
    stats.runBegan();
    nowMs += 2000;
    stats.runBegan();
    nowMs += 3000;
    assert.equal(stats.busySlotSeconds, 8);
    stats.runResolved();
    stats.runResolved();
    nowMs += 4000;
    assert.equal(stats.busySlotSeconds, 8);
    assert.equal(stats.uptimeSeconds, 10);
    assert.equal(stats.running, 0);
  });

  it('is silent from its start until the queue gives any answer', () => {
    const stats = make(1);
    nowMs += 7000;
    assert.equal(stats.silentMs, 7000);
    stats.claimBegan();
    stats.claimAnswered(0);
    assert.equal(stats.silentMs, 0);
    nowMs += 3000;
    stats.claimFailed(new ServiceError('taskcluster', 'refused', 403));
    assert.equal(stats.silentMs, 0);
  });

  it('stays silent while attempts get no answer', () => {
    const stats = make(1);
    nowMs += 2000;
    stats.claimFailed(new ServiceError('taskcluster', 'nobody there'));
    nowMs += 2000;
    stats.claimFailed(new Error('timed out'));
    assert.equal(stats.silentMs, 4000);
    assert.equal(stats.failures, 2);
    assert.equal(stats.lastFailure, 'timed out');
  });

  it('is not silent while docker is down', () => {
    const stats = make(1);
    nowMs += 2000;
    stats.notReady(new Error('no docker'));
    assert.equal(stats.silentMs, 0);
    assert.equal(stats.lastClaimWork, undefined, 'the queue was not asked');
  });

  it('is not silent while there is no room for a task', () => {
    const stats = make(1);
    nowMs += 2000;
    stats.noRoom('no-devices');
    assert.deepEqual([stats.silentMs, stats.lack, stats.failures], [0, 'no-devices', 0]);
    stats.claimBegan();
    assert.equal(stats.lack, undefined);
  });

  it('counts skipped claims by the resource that is lacking', () => {
    const stats = make(1);
    stats.noRoom('no-disk');
    nowMs += 5000;
    stats.noRoom('no-devices');
    assert.deepEqual(ended, [
      ['no-disk', 0, 0],
      ['no-devices', 0, 0],
    ]);
  });

  it('records when the queue last answered, not counting failures', () => {
    const stats = make(1);
    stats.claimBegan();
    stats.claimFailed(new ServiceError('taskcluster', 'nobody there'));
    const answeredAt = (): number => stats.lastAnswer?.getTime() ?? 0;
    assert.equal(answeredAt(), 0);
    const before = Date.now();
    stats.claimAnswered(0);
    assert.ok(answeredAt() >= before);
  });

  it('is not silent while all slots are in use, or without slots', () => {
    const stats = make(1);
    stats.runBegan();
    nowMs += 100_000;
    assert.equal(stats.silentMs, 0);
    stats.runResolved();
    nowMs += 10;
    assert.equal(stats.silentMs, 10);
    const without = make(0);
    nowMs += 100_000;
    assert.equal(without.silentMs, 0);
  });

  it('measures claims from call to answer, and resets failures after a success', () => {
    const stats = make(3);
    stats.claimBegan();
    nowMs += 500;
    stats.claimFailed(new ServiceError('taskcluster', 'oops', 500));
    stats.notReady(new Error('no docker'));
    stats.claimBegan();
    nowMs += 1500;
    stats.claimAnswered(2);
    stats.claimBegan();
    nowMs += 20_000;
    stats.claimAnswered(0);
    assert.deepEqual(ended, [
      ['error', 0.5, 0],
      ['not-ready', 0, 0],
      ['work', 1.5, 2],
      ['nothing', 20, 0],
    ]);
    assert.equal(stats.failures, 0);
    assert.equal(stats.lastFailure, undefined);
  });
});
