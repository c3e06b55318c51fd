import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Feature } from '../task/feature.js';
import type { Logger } from '../log/logger.js';
import type { Credentials } from '../queue/queue-client.js';
import type { LogPublisher } from '../task-log/publisher.js';
import { exception } from '../outcome/resolution.js';
import type { Resolution } from '../outcome/resolution.js';
import { openLog } from '../task/phases/open.js';
import type { LogServices } from '../task/phases/open.js';
import type { RunEntry, RunJournal } from '../task/run-journal.js';
import type { RunRecord } from '../task/run-record.js';
import { RunSession } from '../task/run-session.js';
import type { SessionServices } from '../task/run-session.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { removeTree } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { blameStall } from './watchdog/blame-stall.js';

export interface RecoveryDeps extends Omit<SessionServices, 'metrics'>, Omit<LogServices, 'metrics'> {
  readonly stateDir: string;
  readonly journal: RunJournal;
  readonly publisher: Pick<LogPublisher, 'publishLate'>;
  readonly admission: { readonly features: readonly Pick<Feature, 'name' | 'recover'>[] };
  /** Default: with the permissions of this process. */
  readonly removeTree?: RemoveTree;
}

const LOG_UPLOAD_LIMIT_MS = 300_000;
const EPITAPH =
  'Task has been aborted prematurely. Reason: worker-shutdown (the worker exited unexpectedly and was restarted).';
const stallEpitaph = (stalledMs: number): string =>
  'Task has been aborted prematurely. Reason: internal-error (the worker stalled for ' +
  `${Math.round(stalledMs / 1000)} s while it worked on this run, and was restarted). This run may be the cause, ` +
  "so the task is not retried automatically. The worker's log says where it stalled.";

/**
 * Cleans up what a dead worker left on the disk: the records of its runs, their logs and their directories. A run that
 * only had to be reported is reported as it ended. Any other is resolved worker-shutdown, so that the queue retries it
 * at once and not when its claim expires; or internal-error, if it may be why the worker stalled. Its containers are
 * handled by `Orphans`: removing them needs the engine, this needs the queue, and neither waits for the other.
 */
export class Recovery {
  readonly #deps: RecoveryDeps;
  readonly #entries: readonly RunEntry[];
  readonly #orphans: readonly string[];
  /** Names in `runsDirectory`: the directories of runs that are not cleaned up yet. */
  readonly #directories: Set<string>;

  private constructor(deps: RecoveryDeps, entries: readonly RunEntry[], names: readonly string[]) {
    this.#deps = deps;
    this.#entries = entries;
    this.#directories = new Set(entries.flatMap(({ record }) => directoryOf(record) ?? []));
    this.#orphans = names.filter((name) => !this.#directories.has(name));
  }

  /** Finds what is there. Must complete before anything is claimed: everything found is taken for abandoned. */
  static async find(deps: RecoveryDeps): Promise<Recovery> {
    const entries = await deps.journal.abandoned(deps.log);
    await blameStall(deps.stateDir, entries, deps.log);
    return new Recovery(deps, entries, await readdir(deps.settings.runsDirectory));
  }

  /** Tells whether the directory is that of a run that is not cleaned up yet, and must stay. */
  isUnderWay(name: string): boolean {
    return this.#directories.has(name);
  }

  /**
   * Resolves the runs and removes what they left; never fails. Once the signal aborts, the rest is left for the next
   * start.
   */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#entries.map((entry) => this.#recover(entry, signal)),
      ...this.#orphans.map((name) => this.#removeDirectory(name)),
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
      await session.report(record.resolution ?? interruption(record));
      if (signal.aborted) return;
      // A full disk must not stop the rest: the record, and the credentials in it, are removed after that.
      await session.note({ phase: 'cleanup', credentials: undefined, prepared: undefined });
      // A run that only had to be reported has its log published already.
      if (!record.resolution) await this.#publishLog(record, session, signal);
    } finally {
      await session.resources.close();
    }
  }

  /** Publishes the run's log for the author: the queue accepts artifacts for a while after a run's exception. */
  async #publishLog(record: RunRecord, session: RunSession, signal: AbortSignal): Promise<void> {
    const { log: artifact, expires } = record;
    const { log, queue } = session;
    const name = directoryOf(record);
    if (name === undefined || artifact === undefined) return;
    const { settings, publisher } = this.#deps;
    const limit = new LinkedAbort(signal);
    limit.abortAfter(LOG_UPLOAD_LIMIT_MS, () => new Error(`it took longer than ${LOG_UPLOAD_LIMIT_MS / 1000} s`));
    try {
      const { taskLog, artifacts } = await openLog(session, join(settings.runsDirectory, name), this.#deps);
      taskLog.error(record.stalledMs === undefined ? EPITAPH : stallEpitaph(record.stalledMs));
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
      await (this.#deps.removeTree ?? removeTree)(path);
    } catch (error) {
      this.#deps.log.error('resource not released', { what: 'directory of a run', path, error });
    }
  }
}

function interruption({ stalledMs }: RunRecord): Resolution {
  return exception(stalledMs === undefined ? 'worker-shutdown' : 'internal-error');
}

/** Returns the directory's name, the only part of a record's path that is trusted. */
function directoryOf({ directory }: RunRecord): string | undefined {
  const name = basename(directory ?? '');
  return ['', '.', '..'].includes(name) ? undefined : name;
}
