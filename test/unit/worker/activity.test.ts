import assert from 'node:assert/strict';
import type { Meters } from '../../../src/lib/log/meters.js';
import { QueueError } from '../../../src/lib/queue/queue-client.js';
import { Activity } from '../../../src/lib/worker/activity.js';

describe('the activity of a worker', () => {
  let nowMs: number;
  let ended: unknown[];
  const make = (capacity: number): Activity => {
    const meters: Pick<Meters, 'claimEnded'> = { claimEnded: (...facts) => ended.push(facts) };
    return new Activity({ capacity, meters, nowMs: () => nowMs });
  };

  beforeEach(() => {
    nowMs = 5000;
    ended = [];
  });

  it('adds up the time of all slots that are busy', () => {
    const activity = make(2);
    nowMs += 1000;
    activity.runBegan();
    nowMs += 2000;
    activity.runBegan();
    nowMs += 3000;
    assert.equal(activity.busySlotSeconds, 8);
    activity.runResolved();
    activity.runResolved();
    nowMs += 4000;
    assert.equal(activity.busySlotSeconds, 8);
    assert.equal(activity.uptimeSeconds, 10);
    assert.equal(activity.running, 0);
  });

  it('is silent from its start until the queue answers, whatever the answer', () => {
    const activity = make(1);
    nowMs += 7000;
    assert.equal(activity.silentMs, 7000);
    activity.claimBegan();
    activity.claimAnswered(0);
    assert.equal(activity.silentMs, 0);
    nowMs += 3000;
    activity.claimFailed(new QueueError('refused', 403));
    assert.equal(activity.silentMs, 0);
  });

  it('stays silent through attempts without an answer', () => {
    const activity = make(1);
    nowMs += 2000;
    activity.claimFailed(new QueueError('nobody there', undefined));
    nowMs += 2000;
    activity.claimFailed(new Error('timed out'));
    assert.equal(activity.silentMs, 4000);
    assert.equal(activity.failures, 2);
    assert.equal(activity.lastFailure, 'timed out');
  });

  it('is not silent while docker is what keeps it from asking', () => {
    const activity = make(1);
    nowMs += 2000;
    activity.notReady(new Error('no docker'));
    assert.equal(activity.silentMs, 0);
    assert.equal(activity.lastClaimWork, undefined, 'the queue was not asked');
  });

  it('is not silent while there is no room for a task', () => {
    const activity = make(1);
    nowMs += 2000;
    activity.noRoom('no-devices');
    assert.deepEqual([activity.silentMs, activity.lack, activity.failures], [0, 'no-devices', 0]);
    activity.claimBegan();
    assert.equal(activity.lack, undefined);
  });

  it('counts claims that are not made for want of room by what there is too little of', () => {
    const activity = make(1);
    activity.noRoom('no-disk');
    nowMs += 5000;
    activity.noRoom('no-devices');
    assert.deepEqual(ended, [
      ['no-disk', 0, 0],
      ['no-devices', 0, 0],
    ]);
  });

  it('knows when the queue answered last, which a failure is not', () => {
    const activity = make(1);
    activity.claimBegan();
    activity.claimFailed(new QueueError('nobody there', undefined));
    const answeredAt = (): number => activity.lastAnswer?.getTime() ?? 0;
    assert.equal(answeredAt(), 0);
    const before = Date.now();
    activity.claimAnswered(0);
    assert.ok(answeredAt() >= before);
  });

  it('is not silent while all slots are taken, or when there are none', () => {
    const activity = make(1);
    activity.runBegan();
    nowMs += 100_000;
    assert.equal(activity.silentMs, 0);
    activity.runResolved();
    nowMs += 10;
    assert.equal(activity.silentMs, 10);
    const without = make(0);
    nowMs += 100_000;
    assert.equal(without.silentMs, 0);
  });

  it('measures claims from the call to the answer, and forgets failures with a success', () => {
    const activity = make(3);
    activity.claimBegan();
    nowMs += 500;
    activity.claimFailed(new QueueError('oops', 500));
    activity.notReady(new Error('no docker'));
    activity.claimBegan();
    nowMs += 1500;
    activity.claimAnswered(2);
    activity.claimBegan();
    nowMs += 20_000;
    activity.claimAnswered(0);
    assert.deepEqual(ended, [
      ['error', 0.5, 0],
      ['not-ready', 0, 0],
      ['work', 1.5, 2],
      ['nothing', 20, 0],
    ]);
    assert.equal(activity.failures, 0);
    assert.equal(activity.lastFailure, undefined);
  });
});
