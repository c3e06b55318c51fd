import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Feature } from '../task/feature.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { Credentials } from '../queue/queue-client.js';
import type { LogPublisher } from '../task-log/publisher.js';
import { exception } from '../outcome/resolution.js';
import type { Resolution } from '../outcome/resolution.js';
import { endKeepersBelow } from '../docker/output-keeper.js';
import { openLog } from '../task/phases/open.js';
import type { LogServices } from '../task/phases/open.js';
import type { RunEntry, RunJournal } from '../task/run-journal.js';
import { ONCE_RESOLVED } from '../task/run-record.js';
import type { RunRecord } from '../task/run-record.js';
import { RunSession } from '../task/run-session.js';
import type { SessionServices } from '../task/run-session.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { removeTree } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { directoryOf, resumptionOf } from './resumption.js';
import type { Resumption, ResumptionDeps } from './resumption.js';
import { blameStall } from './watchdog/blame-stall.js';

export interface RecoveryDeps
  extends SessionServices, LogServices, Pick<ResumptionDeps, 'engine' | 'worker' | 'lastSeen'> {
  readonly stateDir: string;
  readonly journal: RunJournal;
  /** What the previous worker left in the journal. */
  readonly entries: readonly RunEntry[];
  readonly publisher: Pick<LogPublisher, 'publishLate'>;
  readonly admission: { readonly features: readonly Pick<Feature, 'name' | 'recover'>[] };
  readonly settings: LogServices['settings'] & { readonly engineRestartMs: number };
  readonly metrics?: MetricsRecorder;
  /** Default: with the permissions of this process. */
  readonly removeTree?: RemoveTree;
}

type GivenUp = Extract<Resumption, { readonly kind: 'give-up' }>;

/** A run that continues. */
export type Resumable = Exclude<Resumption, { readonly kind: 'give-up' }>;

const LOG_UPLOAD_LIMIT_MS = 300_000;
const NOT_RETRIED = "This run may be the cause, so the task is not retried automatically. The worker's log says more.";
const stallNotice = (stalledMs: number): string =>
  'Task has been aborted prematurely. Reason: internal-error (the worker stalled for ' +
  `${Math.round(stalledMs / 1000)} s while it worked on this run, and was restarted). ${NOT_RETRIED}`;
const causeNotice = (reason: string): string =>
  `Task has been aborted prematurely. Reason: internal-error (${reason}). ${NOT_RETRIED}`;

/**
 * Goes on with the runs of a worker that died: they are adopted or begin again where that is possible (`resumable`).
 * The others are cleaned up, with their logs and directories: a run that only had to be reported is reported as it
 * ended; any other is resolved worker-shutdown, so that the queue retries it at once and not when its claim expires; or
 * internal-error, if it may be why the worker died. Their containers are handled by `Orphans`: removing them needs the
 * engine, this needs the queue, and neither waits for the other.
 */
export class Recovery {
  readonly #deps: RecoveryDeps;
  /** Runs that are not resumed. */
  #left: readonly RunEntry[];
  /** Why a run is not resumed, for its log. */
  readonly #reasons = new Map<RunEntry, GivenUp>();
  readonly #strayDirectories: readonly string[];
  /** Names in `runsDirectory`: the directories of runs that are not cleaned up yet. */
  readonly #directories: Set<string>;

  private constructor(deps: RecoveryDeps, names: readonly string[]) {
    this.#deps = deps;
    this.#left = deps.entries;
    this.#directories = new Set(deps.entries.flatMap(({ record }) => directoryOf(record) ?? []));
    this.#strayDirectories = names.filter((name) => !this.#directories.has(name));
  }

  /** Finds what is there. Must complete before anything is claimed: everything found is taken for abandoned. */
  static async find(deps: RecoveryDeps): Promise<Recovery> {
    await blameStall(deps.stateDir, deps.entries, deps.log);
    return new Recovery(deps, await readdir(deps.settings.runsDirectory));
  }

  /** Tells whether the directory is that of a run that is not cleaned up yet, and must stay. */
  isUnderWay(name: string): boolean {
    return this.#directories.has(name);
  }

  /** Decides which runs continue, and returns them. Never fails. */
  async resumable(signal: AbortSignal): Promise<readonly Resumable[]> {
    const left: RunEntry[] = [];
    const decide = async (entry: RunEntry): Promise<readonly Resumable[]> => {
      const resumption = await this.#decide(entry, signal);
      if (!resumption) left.push(entry);
      return resumption ? [resumption] : [];
    };
    const resumable = (await Promise.all(this.#deps.entries.map(decide))).flat();
    this.#left = left;
    const { lastSeen, now, metrics } = this.#deps;
    if (lastSeen && resumable.length > 0) metrics?.workerWasAway((now().getTime() - lastSeen.getTime()) / 1000);
    return resumable;
  }

  async #decide(entry: RunEntry, signal: AbortSignal): Promise<Resumable | undefined> {
    const { record } = entry;
    const { taskId, runId, phase, containerId, credentials, resolution, stalledMs } = record;
    if (!credentials || resolution || stalledMs !== undefined) return undefined;
    const log = this.#deps.log.with({ taskId, runId });
    try {
      const { engineRestartMs, runsDirectory } = this.#deps.settings;
      const isOnlyRun = this.#deps.entries.length === 1;
      const deps = { ...this.#deps, log, engineRestartMs, runsDirectory, isOnlyRun };
      const resumption = await resumptionOf(entry, deps, signal);
      if (resumption.kind !== 'give-up') {
        log.warn('run resumed', { phase, containerId, how: resumption.kind });
        if (resumption.kind === 'adopt') this.#deps.metrics?.runAdopted(phase);
        else this.#deps.metrics?.runBegunAgain();
        // From now on its directory, and its objects on the engine, are those of an open run.
        this.#directories.delete(directoryOf(record) ?? '');
        return { ...resumption, resumed: { ...resumption.resumed, entry: this.#deps.journal.reopen(entry) } };
      }
      log.warn('run not resumed', { phase, containerId, reason: resumption.reason });
      this.#reasons.set(entry, resumption);
    } catch (error) {
      log.warn('run not resumed', { phase, containerId, reason: errorMessage(error) });
    }
    return undefined;
  }

  /**
   * Resolves the runs that do not continue and removes what they left; never fails. Once the signal aborts, the rest is
   * left for the next start.
   */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#left.map((entry) => this.#recover(entry, signal)),
      ...this.#strayDirectories.map((name) => this.#removeDirectory(name)),
    ]);
  }

  async #recover(entry: RunEntry, signal: AbortSignal): Promise<void> {
    const { record } = entry;
    const { taskId, runId, phase, containerId, credentials } = record;
    const directory = directoryOf(record);
    const log = this.#deps.log.with({ taskId, runId });
    log.warn('found interrupted run', { phase, containerId });
    try {
      if (credentials) await this.#resolve(entry, credentials, signal);
      if (signal.aborted) return;
      await this.#recoverFeatures(record, log);
      if (directory !== undefined) await this.#removeDirectory(directory);
      await entry.remove();
      if (directory !== undefined) this.#directories.delete(directory);
    } catch (error) {
      log.error('interrupted run not cleaned up', { error });
    }
  }

  async #resolve(entry: RunEntry, credentials: Credentials, signal: AbortSignal): Promise<void> {
    const { record } = entry;
    const run = { ...record, takenUntil: new Date(record.takenUntil), credentials };
    const session = new RunSession(this.#deps, run, entry, { stop: signal, giveUp: signal });
    try {
      await session.report(record.resolution ?? interruption(record, this.#reasons.get(entry)));
      if (signal.aborted) return;
      // A full disk must not stop the rest: the record, and the credentials in it, are removed after that.
      await session.note({ phase: 'cleanup', ...ONCE_RESOLVED });
      // A run that only had to be reported has its log published already.
      if (!record.resolution) await this.#publishLog(entry, session, signal);
    } finally {
      await session.resources.close();
    }
  }

  /** Publishes the run's log for the author: the queue accepts artifacts for a while after a run's exception. */
  async #publishLog(entry: RunEntry, session: RunSession, signal: AbortSignal): Promise<void> {
    const { record } = entry;
    const { log: artifact, expires } = record;
    const { log, queue } = session;
    const name = directoryOf(record);
    if (name === undefined || artifact === undefined) return;
    const { settings, publisher } = this.#deps;
    const limit = new LinkedAbort(signal);
    limit.abortAfter(LOG_UPLOAD_LIMIT_MS, () => new Error(`it took longer than ${LOG_UPLOAD_LIMIT_MS / 1000} s`));
    try {
      const { taskLog, artifacts } = await openLog(session, join(settings.runsDirectory, name), this.#deps);
      taskLog.error(noticeOf(record, this.#reasons.get(entry)));
      await taskLog.close();
      const logFile = { filePath: taskLog.path, keep: true } as const;
      await publisher.publishLate({ artifacts, queue, log, logFile, expires }, artifact, limit.signal);
    } catch (error) {
      log.warn('task log not uploaded', { error: errorMessage(error) });
    } finally {
      limit.dispose();
    }
  }

  async #recoverFeatures(record: RunRecord, log: Logger): Promise<void> {
    for (const feature of this.#deps.admission.features) {
      try {
        await feature.recover?.(record);
      } catch (error) {
        log.error('resource not released', { what: feature.name, error });
      }
    }
  }

  /** Removes a directory, and only below the directory of runs, whatever a record says. */
  async #removeDirectory(name: string): Promise<void> {
    const path = join(this.#deps.settings.runsDirectory, name);
    try {
      await endKeepersBelow(path);
      await (this.#deps.removeTree ?? removeTree)(path);
    } catch (error) {
      this.#deps.log.error('resource not released', { what: 'directory of a run', path, error });
    }
  }
}

/** A run that may be why the worker died would end another worker too. */
function interruption({ stalledMs }: RunRecord, givenUp: GivenUp | undefined): Resolution {
  return exception(stalledMs === undefined && givenUp?.isCause !== true ? 'worker-shutdown' : 'internal-error');
}

function noticeOf({ stalledMs }: RunRecord, givenUp: GivenUp | undefined): string {
  if (stalledMs !== undefined) return stallNotice(stalledMs);
  if (givenUp?.isCause === true) return causeNotice(givenUp.reason);
  const details = givenUp ? `; this run could not be continued: ${givenUp.reason}` : '';
  return `Task has been aborted prematurely. Reason: worker-shutdown (the worker exited unexpectedly and was restarted${details}).`;
}
