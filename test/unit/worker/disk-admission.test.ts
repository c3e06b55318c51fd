import assert from 'node:assert/strict';
import { DiskAdmission } from '../../../src/lib/worker/disk-admission.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { claimOf, fakeRun } from './fake-runs.js';
import type { FakeRun } from './fake-runs.js';

const RETRY_MS = 60_000;
const THRESHOLD = 10;

describe('DiskAdmission', () => {
  let clock: FakeClock;
  let log: MemoryLogger;
  let freeBytes: number | undefined;
  let room: DiskAdmission;
  let stop: AbortController;
  /** The requested collections; each continues until the test ends it. */
  let collections: (() => void)[];

  beforeEach(() => {
    clock = FakeClock.start();
    log = new MemoryLogger();
    freeBytes = 1000;
    stop = new AbortController();
    collections = [];
    watch({});
  });
  afterEach(() => {
    clock.stop();
  });

  function watch({ capacity = 4, thresholdBytes = THRESHOLD }): void {
    room = new DiskAdmission({
      disk: { freeBytes: () => Promise.resolve(freeBytes) },
      thresholdBytes,
      capacity,
      retryMs: RETRY_MS,
      log,
      now: clock.now,
    });
  }
  const collect = (): Promise<void> =>
    new Promise((resolve) => {
      collections.push(resolve);
    });
  const roomFor = (tasks: number): Promise<number> => room.roomFor(tasks, collect, stop.signal);
  /** Asks for room; returns "waits" if that takes longer than asking the file system. */
  const roomAtOnce = async (tasks: number): Promise<number | 'waits'> => {
    const asked = roomFor(tasks);
    asked.catch(() => undefined);
    const answer = await Promise.race([asked, settle().then(() => 'waits' as const)]);
    return answer;
  };
  const collected = async (freed = freeBytes): Promise<void> => {
    freeBytes = freed;
    collections.at(-1)?.();
    await settle();
  };
  const start = (): FakeRun => {
    const run = fakeRun(claimOf('task'));
    room.track(run);
    return run;
  };
  /** Asks without room, and lets the collection end with this much. */
  const fill = async (freed = 9): Promise<number> => {
    freeBytes = 9;
    const asked = roomFor(4);
    await settle();
    await collected(freed);
    return await asked;
  };
  const alerts = () => log.of('diskspace threshold reached');

  it('admits tasks for all slots while each has its share', async () => {
    freeBytes = 40;
    assert.equal(await roomAtOnce(4), 4);
    assert.equal(await room.isDiskShort(), false);
    assert.deepEqual([collections.length, log.events], [0, []]);
  });

  it('admits fewer tasks at once when space is tight, and collects garbage meanwhile', async () => {
    freeBytes = 39;
    assert.equal(await roomAtOnce(4), 3);
    assert.equal(await roomAtOnce(4), 3);
    assert.equal(await room.isDiskShort(), true);
    assert.equal(collections.length, 1);
    assert.deepEqual(log.events, ['disk space for fewer tasks']);
    await collected(40);
    assert.equal(await roomAtOnce(4), 4);
    assert.equal(await room.isDiskShort(), false);
  });

  it('keeps the share of a task that was claimed while space was tight until it ends', async () => {
    freeBytes = 25;
    assert.equal(await roomAtOnce(4), 2);
    const runs = [start(), start()];
    assert.equal(await roomAtOnce(2), 0);
    runs[0]?.resolve();
    await settle();
    assert.equal(await roomAtOnce(3), 0, 'its container may still be there');
    runs[0]?.finish();
    await settle();
    assert.equal(await roomAtOnce(3), 1);
    freeBytes = 41;
    assert.equal(await roomAtOnce(3), 3);
    assert.deepEqual(alerts(), []);
  });

  it('counts only what was written by tasks that were claimed with enough space', async () => {
    freeBytes = 40;
    assert.equal(await roomAtOnce(4), 4);
    for (let task = 0; task < 3; task++) start();
    freeBytes = 10;
    assert.equal(await roomAtOnce(1), 1);
    start();
    freeBytes = 9;
    assert.equal(await room.isDiskShort(), true, 'one task’s share is kept free');
  });

  it('waits for a collection before it alerts the operator', async () => {
    freeBytes = 9;
    assert.equal(await roomAtOnce(4), 'waits');
    freeBytes = 9;
    const asked = roomFor(4);
    await settle();
    assert.equal(collections.length, 1);
    await collected(40);
    assert.equal(await asked, 4);
    assert.deepEqual(alerts(), []);
  });

  it('alerts once if a collection makes no room, until there is room again', async () => {
    assert.equal(await fill(), 0);
    assert.equal(await roomAtOnce(4), 0);
    assert.equal(await roomAtOnce(4), 0);
    assert.equal(alerts().length, 1);
    assert.equal(alerts()[0]?.level, 'alert');
    const { freeBytes: free, thresholdBytes } = alerts()[0]?.fields ?? {};
    assert.deepEqual([free, thresholdBytes], [9, THRESHOLD]);
    freeBytes = 40;
    assert.equal(await roomAtOnce(4), 4);
    assert.equal(await roomAtOnce(4), 4);
    assert.deepEqual(log.events, ['diskspace threshold reached', 'diskspace available again']);
    assert.equal(await fill(), 0);
    assert.equal(alerts().length, 2);
  });

  it('does not alert while a resolved run may still free space', async () => {
    const run = start();
    run.resolve();
    await settle();
    assert.equal(await fill(), 0);
    assert.deepEqual(alerts(), []);
    run.finish();
    await settle();
    assert.equal(await fill(), 0);
    assert.equal(alerts().length, 1);
  });

  it('collects again after a pause, or when a run has ended', async () => {
    const run = start();
    await fill();
    assert.equal(collections.length, 1);
    await clock.advance(RETRY_MS - 1, RETRY_MS);
    await roomAtOnce(3);
    assert.equal(collections.length, 1);
    await clock.advance(1);
    assert.equal(await roomAtOnce(3), 'waits');
    assert.equal(collections.length, 2);
    await collected();
    run.finish();
    await settle();
    assert.equal(await roomAtOnce(4), 'waits');
    assert.equal(collections.length, 3);
  });

  it('collects at once when the level gets worse', async () => {
    freeBytes = 39;
    await roomAtOnce(4);
    await collected();
    freeBytes = 9;
    assert.equal(await roomAtOnce(4), 'waits');
    assert.equal(collections.length, 2);
  });

  it('admits a task as soon as there is room, even if the collection continues', async () => {
    freeBytes = 9;
    const first = roomFor(4);
    assert.equal(await clock.advanceUntil(first, 10_000), 0);
    assert.deepEqual(alerts(), [], 'it may still find something');
    const second = roomFor(4);
    await settle();
    freeBytes = 20;
    assert.equal(await clock.advanceUntil(second, 10_000), 2);
    assert.equal(collections.length, 1);
  });

  it('does not wait when the worker is stopped', async () => {
    freeBytes = 9;
    const asked = roomFor(4);
    const reason = new Error('stop');
    stop.abort(reason);
    await assert.rejects(asked, (error) => error === reason);
  });

  it('admits no task if free space is unknown, and collects nothing', async () => {
    freeBytes = undefined;
    assert.equal(await roomAtOnce(4), 0);
    assert.equal(await room.isDiskShort(), false);
    assert.equal(collections.length, 0);
  });

  it('does not check without a threshold', async () => {
    watch({ thresholdBytes: 0 });
    freeBytes = undefined;
    assert.equal(await roomAtOnce(4), 4);
    assert.equal(await room.isDiskShort(), false);
  });
});
