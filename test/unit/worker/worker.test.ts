import { strict as assert } from 'node:assert';
import { PassThrough } from 'node:stream';
import type { Host, TerminationNotice } from '../../../src/lib/host/host.js';
import { WorkerMetrics } from '../../../src/lib/log/worker-metrics.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { Wakeup } from '../../../src/lib/util/wakeup.js';
import { Worker } from '../../../src/lib/worker/worker.js';
import type { WorkerOptions } from '../../../src/lib/worker/worker.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { FakeQueue } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { claimsOf, fakeRun } from './fake-runs.js';
import type { FakeRun } from './fake-runs.js';

describe('the worker', () => {
  let clock: FakeClock;
  let queue: FakeQueue;
  let runs: FakeRun[];
  let endings: string[];
  let notify: (notice: TerminationNotice) => void;
  let worker: Worker;
  let life: Promise<void>;

  const host = (): Host => ({
    name: 'fake',
    configure: () => Promise.resolve({}),
    uptimeSeconds: () => Promise.resolve(10),
    terminationNotices: (onNotice, _pollMs, signal) => {
      notify = onNotice;
      return untilAborted(new Promise<void>(() => undefined), signal);
    },
    shutdown: () => {
      endings.push('shutdown');
      return Promise.resolve();
    },
  });

  const start = async (shutdown: Partial<WorkerOptions['shutdown']> = {}, capacity = 2): Promise<void> => {
    const identity = { workerPoolId: 'p/t', workerId: 'w', region: 'r', instanceType: 'i' };
    worker = new Worker({
      queue,
      checkReady: () => Promise.resolve(),
      roomFor: (tasks) => Promise.resolve(tasks),
      roomFreed: new Wakeup(),
      rediscover: () => Promise.resolve(),
      recover: () => Promise.resolve(),
      run: (claim, stop) => {
        const run = fakeRun(claim, stop);
        runs.push(run);
        stop.addEventListener('abort', () => {
          run.finish();
        });
        return run;
      },
      capacity,
      pollIntervalMs: 5000,
      log: new MemoryLogger(),
      host: host(),
      credentials: new CredentialHolder({ clientId: 'worker', accessToken: 'the-first-token' }),
      metrics: new WorkerMetrics(new PassThrough().resume(), identity),
      close: () => {
        endings.push('close');
        return Promise.resolve();
      },
      shutdown: { afterIdleMs: undefined, gracePeriodMs: undefined, terminationPollMs: 1000, ...shutdown },
    });
    life = worker.run().then(() => {
      endings.push('end');
    });
    await settle();
  };
  const claim = async (count: number): Promise<void> => {
    queue.claims.at(-1)?.answer(claimsOf(count));
    await settle();
  };
  const stopReasons = (): readonly unknown[] => runs.map(({ stop }) => (stop?.reason as { reason?: string }).reason);

  beforeEach(() => {
    clock = FakeClock.start();
    queue = new FakeQueue();
    runs = [];
    endings = [];
    notify = () => assert.fail('nobody watches the host');
  });

  afterEach(async () => {
    worker.stop('immediate');
    await life;
    clock.stop();
  });

  it('ends at once when it is stopped with nothing to do', async () => {
    await start();
    worker.stop('graceful');
    await life;
    assert.deepEqual(endings, ['close', 'end']);
  });

  it('lets its runs end when it is stopped gracefully, and claims no more', async () => {
    await start();
    await claim(1);
    worker.stop('graceful');
    await clock.advance(3_600_000, 60_000);
    assert.equal(runs[0]?.stop?.aborted, false);
    assert.deepEqual(endings, []);
    const calls = queue.claims.length;
    runs[0].finish();
    await life;
    assert.equal(queue.claims.length, calls);
    assert.deepEqual(endings, ['close', 'end']);
  });

  it('stops its runs when it is stopped immediately, and waits for them', async () => {
    await start();
    await claim(2);
    worker.stop('immediate');
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown', 'worker-shutdown']);
  });

  it('is stopped immediately by a second call', async () => {
    await start();
    await claim(1);
    worker.stop('graceful');
    worker.stop('immediate');
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
  });

  it('stays stopped immediately, whatever is said later', async () => {
    await start();
    await claim(1);
    worker.stop('immediate');
    worker.stop('graceful');
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
  });

  it('stops its runs when the grace period is over, and not before', async () => {
    await start({ gracePeriodMs: 60_000 });
    await claim(1);
    worker.stop('graceful');
    await clock.advance(59_999);
    assert.equal(runs[0]?.stop?.aborted, false);
    await clock.advance(1);
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
  });

  it('does not begin the grace period anew when it is stopped gracefully again', async () => {
    await start({ gracePeriodMs: 60_000 });
    await claim(1);
    worker.stop('graceful');
    await clock.advance(40_000);
    worker.stop('graceful');
    await clock.advance(20_000);
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
  });

  it('gives the machine back after it was idle for long enough', async () => {
    await start({ afterIdleMs: 120_000 });
    await clock.advance(119_000);
    assert.deepEqual(endings, []);
    await clock.advance(1000);
    await life;
    assert.deepEqual(endings, ['close', 'shutdown', 'end']);
  });

  it('is not idle while a task runs', async () => {
    await start({ afterIdleMs: 120_000 });
    await clock.advance(100_000);
    await claim(1);
    await clock.advance(600_000);
    assert.deepEqual(endings, []);
    runs[0]?.finish();
    await clock.advance(119_000);
    assert.deepEqual(endings, []);
    await clock.advance(1000);
    await life;
    assert.deepEqual(endings, ['close', 'shutdown', 'end']);
  });

  it('heeds a notice that lets tasks end', async () => {
    await start();
    await claim(1);
    notify({ reason: 'maintenance', finishTasks: true });
    await settle();
    assert.equal(runs[0]?.stop?.aborted, false);
    runs[0].finish();
    await life;
    assert.deepEqual(endings, ['close', 'shutdown', 'end']);
  });

  it('heeds a notice that does not', async () => {
    await start();
    await claim(1);
    notify({ reason: 'spot', finishTasks: false });
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
    assert.deepEqual(endings, ['close', 'shutdown', 'end']);
  });

  it('heeds a notice that comes while it lets its runs end', async () => {
    await start();
    await claim(1);
    worker.stop('graceful');
    await settle();
    assert.equal(runs[0]?.stop?.aborted, false);
    notify({ reason: 'spot', finishTasks: false });
    await life;
    assert.deepEqual(stopReasons(), ['worker-shutdown']);
    assert.deepEqual(endings, ['close', 'shutdown', 'end']);
  });

  it('does not take what the queue hands out after an immediate stop for its own to keep', async () => {
    await start();
    queue.claims.at(-1)?.answer(claimsOf(1));
    worker.stop('immediate');
    await settle();
    assert.equal(runs[0]?.stop?.aborted, true);
    runs[0].finish();
    await life;
  });

  it('that may claim nothing stays up, however idle', async () => {
    await start({ afterIdleMs: 1000 }, 0);
    await clock.advance(10_000);
    assert.deepEqual(endings, []);
    worker.stop('graceful');
    await clock.advanceUntil(life, 10_000);
  });
});
