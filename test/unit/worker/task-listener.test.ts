import { strict as assert } from 'node:assert';
import { TaskListener } from '../../../src/lib/worker/task-listener.js';
import { AutoResetEvent } from '../../../src/lib/util/auto-reset-event.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { FakeQueue, outage } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryMetrics } from '../../fakes/memory-metrics.js';
import { claimOf, claimsOf, fakeRun } from './fake-runs.js';
import type { FakeRun } from './fake-runs.js';

describe('TaskListener', () => {
  let clock: FakeClock;
  let queue: FakeQueue;
  let log: MemoryLogger;
  let metrics: MemoryMetrics;
  let runs: FakeRun[];
  let busy: boolean[];
  let noted: (readonly string[])[];
  let notedFirst: boolean[];
  let stop: AbortController;
  let isReady: boolean;
  let room: number;
  let roomFreed: AutoResetEvent;
  let listening: Promise<void>;
  let listener: TaskListener;

  const listen = async (capacity: number): Promise<void> => {
    listener = new TaskListener({
      queue,
      checkReady: () => (isReady ? Promise.resolve() : Promise.reject(new Error('no engine'))),
      roomFor: (tasks) => Promise.resolve(room === 0 ? 'no-disk' : Math.min(tasks, room)),
      roomFreed,
      onClaimed: (claims) => noted.push(claims.map(({ taskId }) => taskId)),
      run: (claim) => {
        notedFirst.push(noted.flat().includes(claim.taskId));
        const run = fakeRun(claim);
        runs.push(run);
        return run;
      },
      capacity,
      pollIntervalMs: 5000,
      log,
      metrics,
      onBusy: (isBusy) => busy.push(isBusy),
    });
    listening = listener.listen(stop.signal);
    await settle();
  };
  const answer = async (count: number): Promise<void> => {
    queue.claims.at(-1)?.answer(claimsOf(count));
    await settle();
  };

  beforeEach(() => {
    clock = FakeClock.start();
    queue = new FakeQueue();
    log = new MemoryLogger();
    metrics = new MemoryMetrics();
    runs = [];
    busy = [];
    noted = [];
    notedFirst = [];
    isReady = true;
    room = Infinity;
    roomFreed = new AutoResetEvent();
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort(new Error('the test is over'));
    for (const run of runs) run.finish();
    await listening;
    await listener.finished();
    clock.stop();
  });

  const asked = (): readonly number[] => queue.claims.map(({ tasks }) => tasks);

  it('asks for as many tasks as there are free slots, one call at a time', async () => {
    await listen(3);
    assert.deepEqual(asked(), [3]);
    await clock.advance(60_000);
    assert.deepEqual(asked(), [3]);
    await answer(2);
    assert.deepEqual(asked(), [3, 1]);
    assert.equal(listener.running, 2);
  });

  it('records all claims of an answer before it runs the first', async () => {
    await listen(3);
    await answer(2);
    await answer(0);
    assert.deepEqual(noted, [['task-0', 'task-1']]);
    assert.deepEqual(notedFirst, [true, true]);
  });

  it('asks for at most 32 tasks at a time', async () => {
    await listen(100);
    await answer(32);
    await answer(32);
    await answer(32);
    assert.deepEqual(asked(), [32, 32, 32, 4]);
  });

  it('claims nothing without capacity, and keeps running', async () => {
    await listen(0);
    await clock.advance(3_600_000, 60_000);
    assert.deepEqual(asked(), []);
  });

  it('claims nothing while all slots are in use, and immediately when one is freed', async () => {
    await listen(1);
    await answer(1);
    await clock.advance(60_000);
    assert.deepEqual(asked(), [1]);
    runs[0]?.resolve();
    await settle();
    assert.deepEqual(asked(), [1, 1]);
  });

  it('pauses after a call that found nothing', async () => {
    await listen(1);
    await answer(0);
    await clock.advance(4999);
    assert.deepEqual(asked(), [1]);
    await clock.advance(1);
    assert.deepEqual(asked(), [1, 1]);
  });

  it('does not pause if a slot was freed in the meantime', async () => {
    await listen(2);
    await answer(1);
    runs[0]?.resolve();
    await settle();
    assert.deepEqual(asked(), [2, 1]);
    await answer(0);
    assert.deepEqual(asked(), [2, 1, 2]);
  });

  it('backs off after errors, and resets the backoff after a success', async () => {
    await listen(1);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 10; attempt++) {
      const before = Date.now();
      const calls = asked().length;
      queue.claims.at(-1)?.fail(outage());
      while (asked().length === calls) await clock.advance(250, 250);
      waits.push(Date.now() - before);
    }
    assert.ok((waits[0] ?? 0) <= 1500, 'about a second at first');
    assert.ok((waits[3] ?? 0) >= 6000, 'about eight seconds after the fourth');
    assert.ok((waits[9] ?? Infinity) <= 75_500, 'about a minute at most');
    assert.equal(log.of('error claiming work').length, 10);
    await answer(0);
    await clock.advance(5000);
    assert.equal(asked().length, 12);
  });

  it('claims nothing while the engine does not answer, and resumes when it does', async () => {
    isReady = false;
    await listen(1);
    await clock.advance(10_000);
    assert.deepEqual(asked(), []);
    assert.equal(metrics.counted[0], 'claim not-ready 0');
    isReady = true;
    await clock.advance(60_000);
    assert.deepEqual(asked(), [1]);
  });

  it('reports the outcome of each claim', async () => {
    await listen(3);
    await answer(2);
    await answer(0);
    await clock.advance(5000);
    queue.claims.at(-1)?.fail(outage());
    await settle();
    assert.deepEqual(metrics.counted, ['claim work 2', 'claim nothing 0', 'claim error 0']);
    assert.equal(listener.stats.failures, 1);
    assert.equal(listener.stats.running, 2);
  });

  it('claims only what there is room for, and nothing until there is room', async () => {
    room = 2;
    await listen(3);
    assert.deepEqual(asked(), [2]);
    await answer(1);
    room = 0;
    await answer(0);
    await clock.advance(5000);
    assert.deepEqual(asked(), [2, 2]);
    room = 1;
    await clock.advance(5000);
    assert.deepEqual(asked(), [2, 2, 1]);
  });

  it('checks for room at once when a run ends', async () => {
    await listen(1);
    room = 0;
    await answer(1);
    room = 1;
    runs[0]?.resolve();
    await settle();
    assert.deepEqual(asked(), [1, 1]);
  });

  it('asks for no more than there is room for, and again at once when there may be more', async () => {
    room = 0;
    await listen(3);
    await clock.advance(60_000);
    assert.deepEqual(asked(), []);
    room = 1;
    roomFreed.call();
    await settle();
    assert.deepEqual(asked(), [1]);
    room = 0;
    await answer(1);
    assert.deepEqual(asked(), [1]);
    room = 5;
    await clock.advance(5000);
    assert.deepEqual(asked(), [1, 2]);
  });

  it('aborts a call under way when stopped', async () => {
    await listen(1);
    stop.abort(new Error('stop'));
    await listening;
    assert.deepEqual(log.of('error claiming work'), []);
  });

  it('still runs what the queue returns at the moment of the stop', async () => {
    await listen(2);
    queue.claims.at(-1)?.answer([claimOf('late')]);
    stop.abort(new Error('stop'));
    await listening;
    assert.deepEqual(
      runs.map(({ claim }) => claim.taskId),
      ['late'],
    );
    assert.deepEqual(asked(), [2]);
  });

  it('is finished when nothing of any run is left', async () => {
    await listen(1);
    await answer(1);
    let isFinished = false;
    stop.abort(new Error('stop'));
    await listening;
    const finished = listener.finished().then(() => {
      isFinished = true;
    });
    runs[0]?.resolve();
    await settle();
    assert.equal(isFinished, false);
    runs[0]?.finish();
    await finished;
  });

  it('reports when it becomes busy and when it becomes idle', async () => {
    await listen(2);
    await answer(2);
    assert.deepEqual(busy, [true]);
    runs[0]?.resolve();
    await settle();
    assert.deepEqual(busy, [true]);
    runs[1]?.resolve();
    await settle();
    assert.deepEqual(busy, [true, false]);
  });
});
