import type { Host } from '../host/host.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { LifecycleEvents } from '../log/lifecycle-events.js';
import type { CredentialHolder } from '../queue/credential-holder.js';
import type { Claim } from '../queue/queue-client.js';
import { TaskStopped } from '../outcome/errors.js';
import type { RunHandle } from '../task/run.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { timerMs } from '../util/timer.js';
import type { WorkerStats } from './worker-stats.js';
import { HostWatch } from './host-watch.js';
import type { PoolAdvice } from './pool-advice.js';
import { TaskListener } from './task-listener.js';
import type { TaskListenerOptions } from './task-listener.js';
import type { TaskQuota } from './task-quota.js';

/** graceful: what runs may end by itself; immediate: it is resolved worker-shutdown at once. */
export type StopMode = 'graceful' | 'immediate';

type OwnOptions = 'run' | 'onBusy' | 'onResolved' | 'mayClaim' | 'quota';

export interface WorkerOptions extends Omit<TaskListenerOptions, OwnOptions> {
  readonly run: (claim: Claim, stop: AbortSignal) => RunHandle;
  readonly host: Host;
  /** The worker's own, which its host may renew. */
  readonly credentials: Pick<CredentialHolder, 'renew'>;
  readonly lifecycle: LifecycleEvents;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded' | 'terminationNoticed'>;
  /** Resolves what a worker before this one left; ends early once the signal aborts. Never fails. */
  readonly recover: (signal: AbortSignal) => Promise<void>;
  /** Looks for the devices that the machine has by now, and claims what they are enough for. Never fails. */
  readonly rediscover: () => Promise<void>;
  /** What worker-manager says of this worker; undefined: it is not asked. */
  readonly advice?: Pick<PoolAdvice, 'reasonToEnd' | 'isKept'> | undefined;
  /** Bounds the tasks that this worker claims over all its starts; undefined: no limit. */
  readonly quota?: Pick<TaskQuota, 'left' | 'count' | 'settle'> | undefined;
  /** Gives back what the worker holds: servers, connections. */
  readonly close: () => Promise<void>;
  readonly shutdown: {
    /** Idle for this long: stop gracefully and give the machine back. undefined: stay. */
    readonly afterIdleMs: number | undefined;
    /** A graceful stop becomes an immediate one after this. undefined: never. */
    readonly gracePeriodMs: number | undefined;
    readonly terminationPollMs: number;
  };
}

// A worker that is stopped soon after its start still finishes with what the one before it left.
const RECOVERY_GRACE_MS = 10_000;
/** From an immediate stop on. Service managers and clouds take two minutes, of which giving the machine back needs some. */
const END_LIMIT_MS = 104_000;

/**
 * The worker's life: starting → working (claims) → draining (graceful stop: no claims, runs go on) → aborting
 * (immediate stop: runs are resolved worker-shutdown) → stopped. It only ever moves to the right.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #claiming = new LinkedAbort();
  readonly #running = new LinkedAbort();
  readonly #listener: TaskListener;
  #graceTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  #givesMachineBack = false;
  #hasEnded = false;
  #exitCode = 0;
  #markOverdue = (): void => undefined;
  readonly #overdue = new Promise<void>((resolve) => {
    this.#markOverdue = resolve;
  });

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#listener = new TaskListener({
      ...options,
      run: (claim) => options.run(claim, this.#running.signal),
      onBusy: (isBusy) => {
        options.log.info(isBusy ? 'worker working' : 'worker idle');
        this.#watchIdleness(isBusy);
      },
      onResolved: () => {
        options.quota?.count();
        this.#heedQuota();
      },
      mayClaim: (signal) => this.#mayClaim(signal),
    });
  }

  /** For whoever watches the worker. */
  get stats(): WorkerStats {
    return this.#listener.stats;
  }

  /** It claims nothing more. */
  get isStopping(): boolean {
    return this.#claiming.signal.aborted;
  }

  /** What the process has to end with. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Claims and runs tasks until stopped; resolves when nothing of them is left, or when an immediate stop takes too long. */
  async run(): Promise<void> {
    const { host, log, lifecycle } = this.#options;
    await Promise.race([this.#work(), this.#overdue]);
    this.#hasEnded = true;
    clearTimeout(this.#endTimer);
    lifecycle.instanceShutdown();
    log.info('exit', { code: this.#exitCode });
    if (this.#givesMachineBack) await host.shutdown();
  }

  async #work(): Promise<void> {
    const { host, log, lifecycle, capacity, close, shutdown, recover, quota } = this.#options;
    log.info('start', { capacity });
    const recovering = new LinkedAbort(this.#running.signal);
    const recovered = recover(recovering.signal);
    lifecycle.instanceBoot(await host.uptimeSeconds());
    lifecycle.workerReady();
    this.#heedQuota();
    this.#watchIdleness(false);
    const hostWatch = new HostWatch({
      host,
      credentials: this.#options.credentials,
      pollIntervalMs: shutdown.terminationPollMs,
      log,
      onNotice: (notice) => {
        log.warn('termination notice', { ...notice });
        this.#options.metrics?.terminationNoticed();
        this.#giveBack(notice.finishTasks ? 'graceful' : 'immediate');
      },
    });
    await this.#listener.listen(this.#claiming.signal);
    await this.#listener.finished();
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#idleTimer);
    recovering.abortAfter(RECOVERY_GRACE_MS, () => new Error('the worker has ended'));
    await recovered;
    recovering.dispose();
    hostWatch.close();
    await quota?.settle();
    await close();
  }

  /** To be called when the machine has changed; never fails. */
  async rediscover(): Promise<void> {
    await this.#options.rediscover();
  }

  /** Calling again may only make it quicker. An `exitCode` other than 0 stays. */
  stop(mode: StopMode, exitCode = 0): void {
    const { log, shutdown } = this.#options;
    this.#exitCode ||= exitCode;
    log.info('shutdown', { mode, running: this.#listener.running });
    this.#claiming.abort(new Error('the worker is stopping'));
    if (mode === 'immediate') this.#abort();
    else if (shutdown.gracePeriodMs !== undefined && this.#graceTimer === undefined) {
      this.#graceTimer = setTimeout(() => {
        this.stop('immediate');
      }, timerMs(shutdown.gracePeriodMs));
    }
  }

  #abort(): void {
    this.#running.abort(new TaskStopped('worker-shutdown'));
    if (this.#hasEnded) return;
    this.#endTimer ??= setTimeout(() => {
      const { running } = this.#listener;
      // What is left is found by the next start of this worker.
      this.#options.log.alert('worker exit timed out', { limitMs: END_LIMIT_MS, running });
      this.#markOverdue();
    }, END_LIMIT_MS);
  }

  #giveBack(mode: StopMode): void {
    this.#givesMachineBack = true;
    this.stop(mode);
  }

  /** Ends the worker once it has resolved all its tasks. */
  #heedQuota(): void {
    const { quota, log } = this.#options;
    if (this.isStopping || quota === undefined || quota.left(0) > 0) return;
    log.info('task quota reached');
    this.#giveBack('graceful');
  }

  async #mayClaim(signal: AbortSignal): Promise<boolean> {
    const reason = await this.#options.advice?.reasonToEnd(signal);
    if (reason === undefined || this.isStopping) return !this.isStopping;
    this.#options.log.info('worker-manager requests termination', { reason });
    this.#giveBack('graceful');
    return false;
  }

  #watchIdleness(isBusy: boolean): void {
    const { log, shutdown } = this.#options;
    clearTimeout(this.#idleTimer);
    if (isBusy || shutdown.afterIdleMs === undefined || this.isStopping) return;
    log.info('pending shutdown', { afterMs: shutdown.afterIdleMs });
    this.#idleTimer = setTimeout(() => void this.#endOfIdleness(), timerMs(shutdown.afterIdleMs));
  }

  async #endOfIdleness(): Promise<void> {
    const { advice, capacity } = this.#options;
    // worker-manager counts a worker as needed that can't claim anything: it has no certificate, or docker is dead.
    const isOfUse = capacity > 0 && this.stats.failures === 0;
    const isKept = isOfUse && (await advice?.isKept(this.#claiming.signal));
    // A task may have come while it was asked.
    if (this.isStopping || this.#listener.running > 0) return;
    if (isKept === true) {
      this.#options.log.info('worker-manager requests no termination');
      this.#watchIdleness(false);
    } else this.#giveBack('graceful');
  }
}
