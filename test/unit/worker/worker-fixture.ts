import { strict as assert } from 'node:assert';
import { PassThrough } from 'node:stream';
import type { Host, TerminationNotice } from '../../../src/lib/host/host.js';
import { LifecycleEvents } from '../../../src/lib/log/lifecycle-events.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { AutoResetEvent } from '../../../src/lib/util/auto-reset-event.js';
import { Worker } from '../../../src/lib/worker/worker.js';
import type { WorkerOptions } from '../../../src/lib/worker/worker.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { FakeQueue } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { claimsOf, fakeRun } from './fake-runs.js';
import type { FakeRun } from './fake-runs.js';

/** A worker whose runs do nothing, with a clock, a queue and a host that the test controls. Close it in `afterEach`. */
export class WorkerFixture {
  readonly clock = FakeClock.start();
  readonly queue = new FakeQueue();
  readonly runs: FakeRun[] = [];
  /** What happened at the end, in order. */
  readonly endings: string[] = [];
  readonly log = new MemoryLogger();
  /** How many notices were counted. */
  notices = 0;
  /** Sends a notice like the host. */
  notify: (notice: TerminationNotice) => void = () => assert.fail('nobody watches the host');
  #worker: Worker | undefined;
  #life: Promise<void> = Promise.resolve();

  get worker(): Worker {
    return this.#worker ?? assert.fail('there is no worker yet');
  }

  /** Resolves when the worker has ended. */
  get life(): Promise<void> {
    return this.#life;
  }

  async start(shutdown: Partial<WorkerOptions['shutdown']> = {}, options: Partial<WorkerOptions> = {}): Promise<void> {
    const identity = { workerPoolId: 'p/t', workerId: 'w', region: 'r', instanceType: 'i' };
    this.#worker = new Worker({
      queue: this.queue,
      checkReady: () => Promise.resolve(),
      roomFor: (tasks) => Promise.resolve(tasks),
      roomFreed: new AutoResetEvent(),
      rediscover: () => Promise.resolve(),
      resumable: () => Promise.resolve([]),
      recover: () => Promise.resolve(),
      run: (claim, stop) => {
        const run = fakeRun(claim, stop);
        this.runs.push(run);
        stop.addEventListener('abort', () => {
          run.finish();
        });
        return run;
      },
      capacity: 2,
      pollIntervalMs: 5000,
      log: this.log,
      host: this.#host(),
      credentials: new CredentialHolder({ clientId: 'worker', accessToken: 'the-first-token' }),
      lifecycle: new LifecycleEvents(new PassThrough().resume(), identity),
      metrics: {
        claimEnded: () => undefined,
        terminationNoticed: () => {
          this.notices += 1;
        },
      },
      close: () => {
        this.endings.push('close');
        return Promise.resolve();
      },
      shutdown: { afterIdleMs: undefined, gracePeriodMs: undefined, terminationPollMs: 1000, ...shutdown },
      ...options,
    });
    this.#life = this.#worker.run().then(() => {
      this.endings.push('end');
    });
    await settle();
  }

  /** Makes the queue return this many runs. */
  async claim(count: number): Promise<void> {
    this.queue.claims.at(-1)?.answer(claimsOf(count));
    await settle();
  }

  stopReasons(): readonly unknown[] {
    return this.runs.map(({ stop }) => (stop?.reason as { reason?: string }).reason);
  }

  async close(): Promise<void> {
    this.worker.stop('immediate');
    await this.clock.advanceUntil(this.#life, 120_000);
    this.clock.stop();
  }

  #host(): Host {
    return {
      name: 'fake',
      configure: () => Promise.resolve({}),
      uptimeSeconds: () => Promise.resolve(10),
      terminationNotices: (onNotice, _pollMs, signal) => {
        this.notify = onNotice;
        return untilAborted(new Promise<void>(() => undefined), signal);
      },
      shutdown: () => {
        this.endings.push('shutdown');
        return Promise.resolve();
      },
    };
  }
}
