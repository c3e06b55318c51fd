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
  /** Default: as the user of this process may. */
  readonly removeTree?: RemoveTree;
}

const LOG_UPLOAD_LIMIT_MS = 300_000;
const EPITAPH =
  'Task has been aborted prematurely. Reason: worker-shutdown (the worker ended unexpectedly and was started again).';
const stallEpitaph = (stalledMs: number): string =>
  `Task has been aborted prematurely. Reason: internal-error (the worker stood still for ${Math.round(stalledMs / 1000)} s ` +
  'while it worked on this run, and had to be started again). The run may be the cause, so the task is not run again by ' +
  'itself. The log of the worker says where it stood.';

/**
 * What a worker that died left behind on the disk: the records of its runs, their logs and their directories. A run that
 * only had to be reported is reported as it ended. Each other is resolved worker-shutdown, so that the queue has it run
 * again at once and not when its claim is over; or internal-error, if it may be why the worker stood still. Its containers
 * are `Orphans`: removing them needs the engine, this needs the queue, and neither waits for the other.
 */
export class Recovery {
  readonly #deps: RecoveryDeps;
  readonly #entries: readonly RunEntry[];
  readonly #orphans: readonly string[];
  /** Of the runs that are not done with; names in `runsDirectory`. */
  readonly #directories: Set<string>;

  private constructor(deps: RecoveryDeps, entries: readonly RunEntry[], names: readonly string[]) {
    this.#deps = deps;
    this.#entries = entries;
    this.#directories = new Set(entries.flatMap(({ record }) => directoryOf(record) ?? []));
    this.#orphans = names.filter((name) => !this.#directories.has(name));
  }

  /** Looks for what is there. Has to be over before anything is claimed: all that is found is taken for abandoned. */
  static async find(deps: RecoveryDeps): Promise<Recovery> {
    const entries = await deps.journal.abandoned(deps.log);
    await blameStall(deps.stateDir, entries, deps.log);
    return new Recovery(deps, entries, await readdir(deps.settings.runsDirectory));
  }

  /** True for a directory of a run that is not done with: it must stay. */
  isUnderWay(name: string): boolean {
    return this.#directories.has(name);
  }

  /**
   * Resolves the runs and removes what they left; never fails. Once the signal aborts, what is not done is left for the
   * next start.
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
      // A full disk must not keep the rest from being done: the record, and the credentials in it, are removed after that.
      await session.note({ phase: 'cleanup', credentials: undefined, prepared: undefined });
      // Of a run that only had to be reported everything is published.
      if (!record.resolution) await this.#publishLog(record, session, signal);
    } finally {
      await session.resources.close();
    }
  }

  /** The queue takes artifacts of a run for a while after its exception; what the author can be shown of it is its log. */
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

  /** Only ever below the directory of runs, whatever a record says. */
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

/** Its name; a record's path is not believed further than that. */
function directoryOf({ directory }: RunRecord): string | undefined {
  const name = basename(directory ?? '');
  return ['', '.', '..'].includes(name) ? undefined : name;
}
