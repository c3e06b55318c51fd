import type { Host } from '../host/host.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { LifecycleEvents } from '../log/lifecycle-events.js';
import type { CredentialHolder } from '../queue/credential-holder.js';
import type { Claim } from '../queue/queue-client.js';
import { TaskStopped } from '../outcome/errors.js';
import type { ResumedRun, RunHandle } from '../task/run.js';
import { delay } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { timerMs } from '../util/timer.js';
import type { WorkerStats } from './worker-stats.js';
import { HostWatch } from './host-watch.js';
import type { PoolAdvice } from './pool-advice.js';
import type { Resumable } from './recovery.js';
import { TaskListener } from './task-listener.js';
import type { TaskListenerOptions } from './task-listener.js';
import type { TaskQuota } from './task-quota.js';

/** graceful: runs may end normally; immediate: they are resolved worker-shutdown at once. */
export type StopMode = 'graceful' | 'immediate';

type OwnOptions = 'run' | 'onBusy' | 'onResolved' | 'mayClaim' | 'quota';

export interface WorkerOptions extends Omit<TaskListenerOptions, OwnOptions> {
  readonly run: (claim: Claim, stop: AbortSignal, resumed?: ResumedRun) => RunHandle;
  /** Returns the runs of a previous worker that continue. Never fails, unless the signal aborts. */
  readonly resumable: (signal: AbortSignal) => Promise<readonly Resumable[]>;
  readonly host: Host;
  /** The worker's own credentials, which its host may renew. */
  readonly credentials: Pick<CredentialHolder, 'renew'>;
  readonly lifecycle: LifecycleEvents;
  readonly metrics?: Pick<MetricsRecorder, 'claimEnded' | 'terminationNoticed'>;
  /**
   * Resolves the other runs of a previous worker, and removes what is left once those that continue have their leases
   * again; ends early once the signal aborts. Never fails.
   */
  readonly recover: (signal: AbortSignal, leased: Promise<void>) => Promise<void>;
  /** Rediscovers the machine's devices, and claims the tasks that they now allow. Never fails. */
  readonly rediscover: () => Promise<void>;
  /** worker-manager's advice on this worker; undefined: it is not asked. */
  readonly advice?: Pick<PoolAdvice, 'reasonToEnd' | 'isKept'> | undefined;
  /** Limits the tasks that this worker claims over all its starts; undefined: no limit. */
  readonly quota?: Pick<TaskQuota, 'left' | 'count' | 'settle'> | undefined;
  /** Releases what the worker holds: servers, connections. */
  readonly close: () => Promise<void>;
  readonly shutdown: {
    /** After this much idle time the worker stops gracefully and shuts the machine down. undefined: never. */
    readonly afterIdleMs: number | undefined;
    /** After this time a graceful stop becomes an immediate one. undefined: never. */
    readonly gracePeriodMs: number | undefined;
    readonly terminationPollMs: number;
  };
}

// A worker that is stopped soon after its start still gets this long to recover the runs of the previous one.
const RECOVERY_GRACE_MS = 10_000;
/** How long a worker that hands over waits for the answer to its last claimWork. */
const LAST_CLAIM_MS = 1000;
/** From an immediate stop on. Service managers and clouds allow two minutes; shutting the machine down needs some. */
const END_LIMIT_MS = 104_000;

/**
 * The worker's life: starting → working (claims) → draining (graceful stop: no claims, runs continue) → aborting
 * (immediate stop: runs are resolved worker-shutdown) → stopped. It never moves back.
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
  #isHandedOver = false;
  #exitCode = 0;
  #listening: Promise<void> = Promise.resolve();
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

  /** Read by monitoring. */
  get stats(): WorkerStats {
    return this.#listener.stats;
  }

  /** True once the worker claims nothing more. */
  get isStopping(): boolean {
    return this.#claiming.signal.aborted;
  }

  /** The code that the process must exit with. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Claims and runs tasks until stopped; resolves when all are finished, or when an immediate stop takes too long. */
  async run(): Promise<void> {
    const { host, log, lifecycle } = this.#options;
    await Promise.race([this.#work(), this.#overdue]);
    this.#hasEnded = true;
    clearTimeout(this.#endTimer);
    if (!this.#isHandedOver) lifecycle.instanceShutdown();
    log.info('exit', { code: this.#exitCode });
    if (this.#givesMachineBack && !this.#isHandedOver) await host.shutdown();
  }

  async #work(): Promise<void> {
    const { host, log, lifecycle, capacity, close, recover, quota } = this.#options;
    log.info('start', { capacity });
    const recovering = new LinkedAbort(this.#running.signal);
    const hostWatch = this.#watchHost();
    const { leased } = await this.#resume();
    const recovered = recover(recovering.signal, leased);
    lifecycle.instanceBoot(await host.uptimeSeconds());
    lifecycle.workerReady();
    this.#heedQuota();
    this.#watchIdleness(this.#listener.running > 0);
    await leased;
    this.#listening = this.#listener.listen(this.#claiming.signal);
    await this.#listening;
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

  #watchHost(): HostWatch {
    const { host, log, credentials, shutdown } = this.#options;
    return new HostWatch({
      host,
      credentials,
      pollIntervalMs: shutdown.terminationPollMs,
      log,
      onNotice: (notice) => {
        log.warn('termination notice', { ...notice });
        this.#options.metrics?.terminationNoticed();
        this.#giveBack(notice.finishTasks ? 'graceful' : 'immediate');
      },
    });
  }

  /**
   * Goes on with the runs of a previous worker. Until the returned promise resolves, what they held must not be
   * collected or given to others. Runs that begin again hold nothing yet, and take what is left.
   */
  async #resume(): Promise<{ readonly leased: Promise<void> }> {
    const { resumable, run, log } = this.#options;
    const { signal } = this.#running;
    const start = ({ claim, resumed }: Resumable): RunHandle => this.#listener.start(() => run(claim, signal, resumed));
    try {
      const runs = await resumable(signal);
      const adopted = runs.filter(({ kind }) => kind === 'adopt').map((each) => start(each).prepared);
      const begun = runs.filter(({ kind }) => kind === 'begin-again');
      const leased = Promise.all(adopted).then(() => {
        for (const each of begun) start(each);
      });
      return { leased };
    } catch (error) {
      if (!signal.aborted) log.error('runs not resumed', { error });
      return { leased: Promise.resolve() };
    }
  }

  /**
   * Leaves the runs to the next worker: claims nothing more and ends at once. Their containers keep running, and their
   * records say how far they are.
   */
  handOver(): void {
    const { log } = this.#options;
    // Runs that are being resolved are this worker's to the end.
    if (this.#isHandedOver || this.#running.signal.aborted) return;
    this.#isHandedOver = true;
    log.info('hand-over', { running: this.#listener.running });
    this.#claiming.abort(new Error('the worker hands over'));
    // Its last claims are on record once it has ended.
    void Promise.race([this.#listening, delay(LAST_CLAIM_MS, new AbortController().signal)]).then(() => {
      this.#markOverdue();
    });
  }

  /** Call this when the machine has changed; never fails. */
  async rediscover(): Promise<void> {
    await this.#options.rediscover();
  }

  /** Stops the worker. Another call can only make it faster. The first `exitCode` other than 0 is kept. */
  stop(mode: StopMode, exitCode = 0): void {
    const { log, shutdown } = this.#options;
    // The runs are the next worker's, also when a service manager stops this one.
    if (this.#isHandedOver) return;
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
      // The next start of this worker recovers what is left.
      this.#options.log.alert('worker exit timed out', { limitMs: END_LIMIT_MS, running });
      this.#markOverdue();
    }, END_LIMIT_MS);
  }

  #giveBack(mode: StopMode): void {
    this.#givesMachineBack = true;
    this.stop(mode);
  }

  /** Stops the worker once it has resolved all tasks of its quota. */
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
    // worker-manager may count a worker as needed that can't claim: one without a certificate, or whose docker is down.
    const isOfUse = capacity > 0 && this.stats.failures === 0;
    const isKept = isOfUse && (await advice?.isKept(this.#claiming.signal));
    // A task may have been claimed in the meantime.
    if (this.isStopping || this.#listener.running > 0) return;
    if (isKept === true) {
      this.#options.log.info('worker-manager requests no termination');
      this.#watchIdleness(false);
    } else this.#giveBack('graceful');
  }
}
