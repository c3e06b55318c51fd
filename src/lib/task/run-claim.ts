import { join } from 'node:path';
import { ArtifactStore } from '../artifacts/artifact-store.js';
import type { ArtifactStoreDeps } from '../artifacts/artifact-store.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { LifecycleEvents } from '../log/lifecycle-events.js';
import { CredentialHolder } from '../queue/credential-holder.js';
import type { Claim, QueueClient } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { ResourceStack } from '../util/resource-stack.js';
import { TempDir } from '../util/temp-dir.js';
import { Reclaimer } from './reclaimer.js';
import type { LogPublisher } from '../task-log/publisher.js';
import { logSettings, writeHeader } from '../task-log/header.js';
import { Reporter } from './reporter.js';
import { exception, resolutionName } from '../outcome/resolution.js';
import type { RunEntry, RunJournal } from './run-journal.js';
import { RunMeasures } from './run-measures.js';
import type { Phase, RunRecord } from './run-record.js';
import { runTask } from './run-task.js';
import type { TaskServices } from './run-task.js';
import type { RunContext, WorkerFacts } from './task-context.js';
import { TaskLog } from '../task-log/task-log.js';
import { TaskScopes, expandBy } from '../queue/task-scopes.js';
import { deepFreeze } from './validate-payload.js';
import type { ServiceError } from '../outcome/service-error.js';

export interface RunClaimDeps extends TaskServices {
  readonly queue: QueueClient;
  readonly journal: RunJournal;
  readonly publisher: LogPublisher;
  readonly putter: ArtifactStoreDeps['putter'];
  readonly lifecycle: LifecycleEvents;
  readonly metrics?: MetricsRecorder;
  readonly log: Logger;
  readonly worker: WorkerFacts;
  readonly now: () => Date;
  /** Hears of each poll for a cancel that the queue refuses for lack of scopes. */
  readonly onPollRefused: (error: ServiceError) => void;
  readonly settings: {
    /** Each run has a directory of its own in here. */
    readonly runsDirectory: string;
    readonly artifactConcurrency: number;
    readonly artifactStorage: ArtifactStoreDeps['storageType'];
    /** How long artifacts may take after the command has ended. */
    readonly maxUploadMs: number;
    readonly reclaimDivisor: number;
    readonly cancelPollIntervalMs: number;
    readonly maxLogBytes: number | undefined;
  };
}

/** A claimed run under way. Neither promise rejects. */
export interface RunHandle {
  /** The queue knows how it ended; the slot is free. */
  readonly resolved: Promise<void>;
  /** Nothing of it is left on the machine. */
  readonly finished: Promise<void>;
}

/** Takes a claim through to its resolution. `stop` aborts with a TaskStopped('worker-shutdown'). */
export function runClaim(deps: RunClaimDeps, claim: Claim, stop: AbortSignal): RunHandle {
  let markResolved = (): void => undefined;
  const resolved = new Promise<void>((resolve) => {
    markResolved = resolve;
  });
  const finished = new ClaimedRun(deps, claim, stop).run(markResolved);
  return { resolved, finished };
}

/** The name of the log in the directory of its run. */
export const LOG_FILE = 'task.log';

class ClaimedRun {
  readonly #deps: RunClaimDeps;
  readonly #claim: Claim;
  readonly #log: Logger;
  readonly #resources: ResourceStack;
  readonly #abort: LinkedAbort;
  readonly #ended: LinkedAbort;
  readonly #credentials: CredentialHolder;
  readonly #reclaimer: Reclaimer;
  readonly #reporter: Reporter;
  readonly #entry: RunEntry;
  readonly #queue;
  readonly #claimedAt = performance.now();
  #enteredAt = this.#claimedAt;
  #phase: Phase = 'claimed';

  constructor(deps: RunClaimDeps, claim: Claim, stop: AbortSignal) {
    const { taskId, runId, takenUntil } = claim;
    this.#deps = deps;
    this.#claim = claim;
    const log = (this.#log = deps.log.with({ taskId, runId }));
    this.#resources = new ResourceStack((what, error) => {
      log.error('could not release', { what, error });
      deps.onOrphan();
    });
    this.#abort = this.#resources.use('stop signal', new LinkedAbort(stop));
    this.#ended = this.#resources.use('end signal', new LinkedAbort(this.#abort.signal));
    this.#credentials = new CredentialHolder(claim.credentials);
    this.#queue = deps.queue.forRun(claim, this.#credentials);
    this.#entry = deps.journal.entry(claim);
    this.#reclaimer = new Reclaimer({
      queue: this.#queue,
      credentials: this.#credentials,
      takenUntil,
      reclaimDivisor: deps.settings.reclaimDivisor,
      cancelPollIntervalMs: deps.settings.cancelPollIntervalMs,
      log,
      now: deps.now,
      onLost: (reason) => {
        this.#abort.abort(reason);
      },
      onPollRefused: deps.onPollRefused,
      onReclaimed: () => {
        this.#hideCredentials();
        void this.#enter(this.#phase);
      },
    });
    this.#reporter = new Reporter({
      queue: this.#queue,
      takenUntil: () => this.#reclaimer.takenUntil,
      log,
      now: deps.now,
    });
  }

  async run(markResolved: () => void): Promise<void> {
    const { lifecycle } = this.#deps;
    this.#hideCredentials();
    // The record goes last: whatever there is of the run, a worker that starts after a crash finds it. The run is on record
    // since its claim was received (RunJournal.noteClaims).
    this.#resources.defer('journal', () => this.#entry.remove());
    this.#log.info('claimed task', { takenUntil: this.#claim.takenUntil.toISOString() });
    lifecycle.taskQueue(this.#claim, new Date(this.#claim.task.created));
    this.#countFirstClaim();
    this.#reclaimer.start();
    this.#resources.defer('claim', () => {
      this.#reclaimer.stop();
    });
    let release = (): Promise<void> => Promise.resolve();
    try {
      release = await this.#runTask();
    } catch (error) {
      // Before the log was open, or a mistake of ours: nobody else will ever resolve this run.
      this.#log.error('run could not be worked on', { error, what: errorMessage(error) });
      await this.#reporter.report(exception('internal-error'));
    }
    this.#reclaimer.stop();
    lifecycle.taskFinish(this.#claim);
    this.#countResolution();
    markResolved();
    await this.#enter('cleanup', { credentials: undefined });
    await release();
    await this.#resources.close();
    this.#leavePhase();
  }

  async #runTask(): Promise<() => Promise<void>> {
    const { deps, claim } = { deps: this.#deps, claim: this.#claim };
    this.#log.info('run task');
    const directory = await TempDir.create(deps.settings.runsDirectory, `${claim.taskId}-${claim.runId}-`);
    this.#resources.use('directory of the run', directory);
    const logFull = new LinkedAbort();
    const taskLog = await TaskLog.open({
      path: join(directory.path, LOG_FILE),
      now: deps.now,
      maxBytes: deps.settings.maxLogBytes,
      // A log with a hole in it can't become a success: there is no use in going on.
      onCut: () => {
        logFull.abort(new Error('the log takes no more'));
      },
    });
    this.#resources.defer('log', () => taskLog.close());
    const context = this.#context(taskLog, directory.path);
    this.#resources.use('artifact store', context.artifacts);
    const { name, asksForLive } = logSettings(claim.task.payload);
    const log = { name, isLive: asksForLive ?? deps.admission.isEnabled('localLiveLog') };
    await this.#note({ directory: directory.path, log });
    const published = deps.publisher.publish(context, taskLog, log);
    writeHeader(taskLog, context);
    deps.lifecycle.taskStart(claim);
    this.#log.info('task start');
    const taskDeadline = new Date(Date.parse(claim.task.deadline) + claim.clockSkewMs);
    return await runTask(
      {
        context,
        taskLog,
        published,
        collectLimit: { grantedMs: deps.settings.maxUploadMs, taskDeadline, now: deps.now },
        logFull: logFull.signal,
        signal: this.#abort.signal,
        report: (resolution) => this.#report(resolution),
        enter: (phase, facts) => this.#enter(phase, facts),
      },
      deps,
    );
  }

  #context(taskLog: TaskLog, directory: string): RunContext {
    const { worker, putter, settings, metrics } = this.#deps;
    const { taskId, runId, task } = this.#claim;
    const log = this.#log;
    const queue = this.#queue;
    const artifacts = new ArtifactStore({
      queue,
      log,
      metrics,
      output: taskLog,
      putter,
      tempDir: directory,
      concurrency: settings.artifactConcurrency,
      storageType: settings.artifactStorage,
    });
    const definition = deepFreeze(task);
    const scopes = new TaskScopes(definition.scopes, expandBy(queue, log, taskLog));
    const credentials = this.#credentials;
    const logFile = { filePath: taskLog.path, keep: true } as const;
    const own = { taskId, runId, worker, definition, scopes, directory, logFile, measures: new RunMeasures() };
    const ended = this.#ended.signal;
    return Object.freeze({ ...own, output: taskLog, log, queue, credentials, ended, artifacts });
  }

  async #report(resolution: Parameters<Reporter['report']>[0]): Promise<void> {
    // Before the queue knows: it may hand out what comes after this run at once, by another poll.
    this.#ended.abort(new Error('the run has ended'));
    await this.#reporter.report(resolution);
    // From here on a reclaim would only be answered with a conflict.
    this.#reclaimer.stop();
  }

  /** Notes in the log and in the journal where the run is; a journal that can't be written must not stop it. */
  async #enter(phase: Phase, facts: Partial<RunRecord> = {}): Promise<void> {
    if (phase !== this.#phase) {
      const previous = this.#phase;
      const previousMs = this.#leavePhase();
      this.#log.info('task phase', { phase, previous, previousMs });
      this.#phase = phase;
    }
    const takenUntil = this.#reclaimer.takenUntil.toISOString();
    // A stop is reported when it comes; what counts is the first report.
    const resolution = facts.resolution && { resolution: this.#reporter.reported ?? facts.resolution };
    await this.#note({ phase, takenUntil, credentials: this.#credentials.current, ...facts, ...resolution });
  }

  /** Returns how long it took, in whole milliseconds. */
  #leavePhase(): number {
    const now = performance.now();
    const ms = now - this.#enteredAt;
    this.#enteredAt = now;
    this.#deps.metrics?.phaseEnded(this.#phase, ms / 1000);
    return Math.round(ms);
  }

  /** By the clock of the queue, which is that of whoever created the task. */
  #countFirstClaim(): void {
    const { runId, task, clockSkewMs } = this.#claim;
    if (runId !== 0) return;
    const seconds = (this.#deps.now().getTime() - clockSkewMs - Date.parse(task.created)) / 1000;
    if (seconds >= 0) this.#deps.metrics?.firstClaimed(seconds);
  }

  #countResolution(): void {
    const { reported } = this.#reporter;
    if (reported)
      this.#deps.metrics?.runResolved(resolutionName(reported), (performance.now() - this.#claimedAt) / 1000);
  }

  async #note(facts: Partial<RunRecord>): Promise<void> {
    try {
      await this.#entry.update(facts);
    } catch (error) {
      this.#log.error('journal could not be written', { ...facts, credentials: undefined, error });
    }
  }

  #hideCredentials(): void {
    const { accessToken, certificate } = this.#credentials.current;
    for (const secret of [accessToken, certificate]) {
      if (secret) this.#resources.defer('hidden credentials', this.#deps.log.addSecret(secret));
    }
  }
}
