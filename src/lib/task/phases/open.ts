import { join } from 'node:path';
import { ArtifactStore } from '../../artifacts/artifact-store.js';
import type { ArtifactStoreDeps } from '../../artifacts/artifact-store.js';
import type { LifecycleEvents } from '../../log/lifecycle-events.js';
import type { Claim } from '../../queue/queue-client.js';
import { TaskScopes, expandBy } from '../../queue/task-scopes.js';
import { writeHeader } from '../../task-log/lines.js';
import { logSettings } from '../../task-log/publisher.js';
import type { LogPublisher, PublishedLog } from '../../task-log/publisher.js';
import { TaskLog } from '../../task-log/writer.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { TempDir } from '../../util/temp-dir.js';
import { RunMeasures } from '../run-measures.js';
import type { RunSession } from '../run-session.js';
import type { RunContext, WorkerFacts } from '../task-context.js';
import { deepFreeze } from '../validate-payload.js';
import type { CollectLimit } from './collect-deadline.js';

export interface LogServices {
  readonly putter: ArtifactStoreDeps['putter'];
  readonly metrics?: NonNullable<ArtifactStoreDeps['metrics']>;
  readonly now: () => Date;
  readonly settings: {
    /** Holds one directory for each run. */
    readonly runsDirectory: string;
    readonly artifactConcurrency: number;
    readonly artifactStorage: ArtifactStoreDeps['storageType'];
  };
}

export interface OpenServices extends LogServices {
  readonly admission: { readonly isEnabled: (feature: string) => boolean };
  readonly publisher: LogPublisher;
  readonly lifecycle: LifecycleEvents;
  readonly worker: WorkerFacts;
  readonly settings: LogServices['settings'] & {
    /** How long artifacts may take after the command has ended. */
    readonly maxUploadMs: number;
    readonly maxLogBytes: number | undefined;
  };
}

/** A run whose log is open and published, before its payload is checked: every error from here on appears in it. */
export interface OpenedRun {
  readonly session: RunSession;
  readonly context: RunContext;
  readonly taskLog: TaskLog;
  readonly published: PublishedLog;
  readonly collectLimit: CollectLimit;
  /** Aborts when the log accepts no more output. */
  readonly logFull: AbortSignal;
  /** performance.now() */
  readonly openedAtMs: number;
}

/** The file name of the log in its run's directory. */
const LOG_FILE = 'task.log';

/** Creates the run's directory, opens its log and artifact store, and publishes the log. Throws file system errors. */
export async function openRun(session: RunSession, claim: Claim, services: OpenServices): Promise<OpenedRun> {
  const { settings, now, admission, publisher, lifecycle } = services;
  session.log.info('run task');
  const directory = await TempDir.create(settings.runsDirectory, `${claim.taskId}-${claim.runId}-`);
  session.resources.use('directory of the run', directory);
  const logFull = new LinkedAbort();
  const { taskLog, artifacts } = await openLog(session, directory.path, services, {
    maxBytes: settings.maxLogBytes,
    // A log with a gap can't become a success: going on is useless.
    onCut: () => {
      logFull.abort(new Error('the log is full'));
    },
  });
  const context = contextOf(session, claim, { taskLog, artifacts, directory: directory.path, worker: services.worker });
  const { name, asksForLive } = logSettings(claim.task.payload);
  const log = { name, isLive: asksForLive ?? admission.isEnabled('localLiveLog') };
  await session.note({ directory: directory.path, log });
  const published = publisher.publish({ ...context, queue: session.queue }, taskLog, log);
  writeHeader(taskLog, context);
  lifecycle.taskStart(claim);
  session.log.info('task start');
  const taskDeadline = new Date(Date.parse(claim.task.deadline) + claim.clockSkewMs);
  const collectLimit = { grantedMs: settings.maxUploadMs, taskDeadline, now };
  const openedAtMs = performance.now();
  return { session, context, taskLog, published, collectLimit, logFull: logFull.signal, openedAtMs };
}

/** Opens the log of a run, and the store for its artifacts; a log that a previous worker wrote is continued. */
export async function openLog(
  { resources, queue, log }: RunSession,
  directory: string,
  { settings, putter, metrics, now }: LogServices,
  limits: { readonly maxBytes?: number | undefined; readonly onCut?: () => void } = {},
): Promise<{ readonly taskLog: TaskLog; readonly artifacts: ArtifactStore }> {
  const taskLog = await TaskLog.open({ path: join(directory, LOG_FILE), now, ...limits });
  resources.defer('log', () => taskLog.close());
  const { artifactConcurrency: concurrency, artifactStorage: storageType } = settings;
  const own = { output: taskLog, tempDir: directory, concurrency, storageType };
  const artifacts = new ArtifactStore({ queue, log, metrics, putter, ...own });
  resources.use('artifact store', artifacts);
  return { taskLog, artifacts };
}

interface ContextParts extends Pick<RunContext, 'artifacts' | 'directory' | 'worker'> {
  readonly taskLog: TaskLog;
}

function contextOf(session: RunSession, { taskId, runId, task }: Claim, parts: ContextParts): RunContext {
  const { log, credentials, ended } = session;
  const { taskLog, ...rest } = parts;
  const definition = deepFreeze(task);
  const scopes = new TaskScopes(definition.scopes, expandBy(session.queue, log, taskLog));
  const logFile = { filePath: taskLog.path, keep: true } as const;
  const own = { taskId, runId, definition, scopes, logFile, measures: new RunMeasures(), output: taskLog };
  return Object.freeze({ ...own, ...rest, log, credentials, ended });
}
