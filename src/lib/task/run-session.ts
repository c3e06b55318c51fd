import { stopOf } from '../outcome/errors.js';
import type { TaskStopped } from '../outcome/errors.js';
import type { ServiceError } from '../outcome/service-error.js';
import { exception, resolutionName } from '../outcome/resolution.js';
import type { Resolution } from '../outcome/resolution.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { CredentialHolder } from '../queue/credential-holder.js';
import type { Claim, QueueClient, RunQueue } from '../queue/queue-client.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { ResourceStack } from '../util/resource-stack.js';
import { Reporter } from './phases/report.js';
import { Reclaimer } from './reclaimer.js';
import type { RunEntry } from './run-journal.js';
import { ONCE_RESOLVED } from './run-record.js';
import type { Phase, RunRecord } from './run-record.js';

/** What a session needs from the worker. */
export interface SessionServices {
  readonly queue: Pick<QueueClient, 'forRun'>;
  readonly metrics?: Pick<MetricsRecorder, 'phaseEnded' | 'runResolved'>;
  readonly log: Logger;
  readonly now: () => Date;
  /** Called when a resource of a run could not be released, so that the worker must look for orphans. */
  readonly onOrphan: () => void;
  readonly observer?: SessionObserver | undefined;
}

type RunName = Pick<Claim, 'taskId' | 'runId'>;

/** Is told how far each session is. Its methods must not throw. */
export interface SessionObserver {
  /** A phase begins; the first one is `claimed`. */
  phaseBegan(run: RunName, phase: Phase): void;
  /** The run's log is to be found under this name. */
  logNamed(run: RunName, name: string): void;
  /** The session has released everything. */
  ended(run: RunName): void;
}

/** How a session holds its claim. */
export interface ReclaimOptions {
  readonly reclaimDivisor: number;
  readonly cancelPollIntervalMs: number;
  /** Called for each poll for a cancel that the queue refuses for lack of scopes. */
  readonly onPollRefused: (error: ServiceError) => void;
}

/** The run of a session: just claimed, or left by a previous worker. */
export type SessionRun = Omit<Claim, 'task'>;

interface SessionOptions {
  /** Aborts with a TaskStopped('worker-shutdown') when the worker stops. */
  readonly stop: AbortSignal;
  /** Once it aborts, reporting is given up and the run is left unreported. Default: reporting can't be stopped. */
  readonly giveUp?: AbortSignal;
}

/**
 * One run of this worker, from its claim to the end of its cleanup: its signal, the resources it has acquired, its
 * record, and the single report of how it ended. The phases of `run` go through it.
 */
export class RunSession {
  /** Carries taskId and runId. */
  readonly log: Logger;
  /** The resources of the run; `cleanUp` releases them, newest first. */
  readonly resources: ResourceStack;
  readonly journal: RunEntry;
  readonly queue: RunQueue;
  readonly credentials: CredentialHolder;
  readonly #services: SessionServices;
  readonly #run: SessionRun;
  readonly #stopped: LinkedAbort;
  readonly #ended: LinkedAbort;
  readonly #reporter: Reporter;
  readonly #startedAtMs = performance.now();
  #reclaimer: Reclaimer | undefined;
  #enteredAtMs = this.#startedAtMs;
  #phase: Phase = 'claimed';
  #containerId: string | undefined;

  constructor(services: SessionServices, run: SessionRun, journal: RunEntry, { stop, giveUp }: SessionOptions) {
    const { taskId, runId, credentials } = run;
    const log = services.log.with({ taskId, runId });
    this.#services = services;
    this.#run = run;
    this.log = log;
    this.journal = journal;
    this.resources = new ResourceStack((what, error) => {
      log.error('resource not released', { what, error });
      services.onOrphan();
    });
    // Registered first, so that it is released last.
    this.resources.defer('observed run', () => services.observer?.ended(run));
    services.observer?.phaseBegan(run, this.#phase);
    this.#stopped = this.resources.use('stop signal', new LinkedAbort(stop));
    this.#ended = this.resources.use('end signal', new LinkedAbort(this.#stopped.signal));
    this.credentials = new CredentialHolder(credentials);
    this.queue = services.queue.forRun(run, this.credentials);
    this.#reporter = new Reporter({
      queue: this.queue,
      takenUntil: () => this.#takenUntil,
      log,
      now: services.now,
      ...(giveUp && { signal: giveUp }),
    });
    this.#hideCredentials();
  }

  /** Aborts with a TaskStopped when the run is stopped: by a worker shutdown, a cancel, or the loss of the claim. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Aborts with `signal`, and just before the queue is told how the run ended: its slot is about to be free. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Reclaims the run in time and watches for a cancel, until the run is reported. */
  hold(
    { reclaimDivisor, cancelPollIntervalMs, onPollRefused }: ReclaimOptions,
    { reclaimsAtOnce = false }: { readonly reclaimsAtOnce?: boolean } = {},
  ): void {
    this.#reclaimer = new Reclaimer({
      queue: this.queue,
      credentials: this.credentials,
      takenUntil: this.#run.takenUntil,
      reclaimDivisor,
      reclaimsAtOnce,
      cancelPollIntervalMs,
      log: this.log,
      now: this.#services.now,
      onLost: (reason: TaskStopped) => {
        this.#stopped.abort(reason);
      },
      onPollRefused,
      onReclaimed: () => {
        this.#hideCredentials();
        // A resolved run has no credentials on record any more.
        if (this.#phase !== 'cleanup') void this.enter(this.#phase);
      },
    });
    this.#reclaimer.start();
    this.resources.defer('claim', () => this.#reclaimer?.stop());
  }

  /** Resolves once it is certain that the run is still this worker's. Throws the run's stop. */
  async claimIsHeld(): Promise<void> {
    await untilAborted(this.#reclaimer?.held ?? Promise.resolve(), this.signal);
  }

  /** Registers the removal of the run's container, if that was not done before. */
  holdContainer(containerId: string, remove: () => Promise<void>): void {
    if (this.#containerId === containerId) return;
    this.#containerId = containerId;
    this.resources.defer('container', async () => {
      await remove();
      this.log.info('container removed', { containerId });
    });
  }

  /** Notes in the log and in the record that a phase begins, with the `facts` that earlier phases found. */
  async enter(phase: Phase, facts: Partial<RunRecord> = {}): Promise<void> {
    if (phase !== this.#phase) {
      const previous = this.#phase;
      const previousMs = this.#leavePhase();
      this.log.info('task phase', { phase, previous, previousMs });
      this.#phase = phase;
      this.#services.observer?.phaseBegan(this.#run, phase);
    }
    const takenUntil = this.#takenUntil.toISOString();
    // A stop is reported at once, and the first report counts.
    const resolution = facts.resolution && { resolution: this.#reporter.reported ?? facts.resolution };
    await this.note({ phase, takenUntil, credentials: this.credentials.current, ...facts, ...resolution });
  }

  /** Writes facts into the record. Never throws: a journal that can't be written must not stop the run. */
  async note(facts: Partial<RunRecord>): Promise<void> {
    if (facts.log) this.#services.observer?.logNamed(this.#run, facts.log.name);
    try {
      await this.journal.update(facts);
    } catch (error) {
      // Names only: the facts hold secrets.
      this.log.error('run journal not written', { facts: Object.keys(facts), error });
    }
  }

  /** Reports a shutdown at once, so that another worker can start the task, until the returned function is called. */
  reportShutdownAtOnce(): () => void {
    const report = (): void => {
      if (stopOf(this.signal)?.reason === 'worker-shutdown') void this.report(exception('worker-shutdown'));
    };
    this.signal.addEventListener('abort', report, { once: true });
    if (this.signal.aborted) report();
    return () => {
      this.signal.removeEventListener('abort', report);
    };
  }

  /** Tells the queue how the run ended. The first resolution counts; later ones wait for it. Never throws. */
  async report(resolution: Resolution): Promise<void> {
    // Before the report: with the next poll, the queue may hand out the task that follows this run.
    this.#ended.abort(new Error('the run has ended'));
    await this.#reporter.report(resolution);
    // From here on a reclaim would only return a conflict.
    this.#reclaimer?.stop();
  }

  /** Releases all resources, and deletes the run's record last: a worker that starts after a crash finds the rest. */
  async cleanUp(): Promise<void> {
    this.#reclaimer?.stop();
    await this.enter('cleanup', ONCE_RESOLVED);
    await this.resources.close();
    this.#leavePhase();
  }

  /** Counts the resolution that was reported, if there was one. */
  countResolution(): void {
    const { reported } = this.#reporter;
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    if (reported) this.#services.metrics?.runResolved(resolutionName(reported), seconds);
  }

  /** In this machine's clock. */
  get #takenUntil(): Date {
    return this.#reclaimer?.takenUntil ?? this.#run.takenUntil;
  }

  /** Returns the phase's duration in whole milliseconds. */
  #leavePhase(): number {
    const now = performance.now();
    const ms = now - this.#enteredAtMs;
    this.#enteredAtMs = now;
    this.#services.metrics?.phaseEnded(this.#phase, ms / 1000);
    return Math.round(ms);
  }

  #hideCredentials(): void {
    const { accessToken, certificate } = this.credentials.current;
    for (const secret of [accessToken, certificate]) {
      if (secret) this.resources.defer('hidden credentials', this.log.addSecret(secret));
    }
  }
}
