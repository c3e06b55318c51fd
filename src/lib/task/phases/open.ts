import { join } from 'node:path';
import { ArtifactStore } from '../../artifacts/artifact-store.js';
import type { ArtifactStoreDeps } from '../../artifacts/artifact-store.js';
import type { LifecycleEvents } from '../../log/lifecycle-events.js';
import type { Claim } from '../../queue/queue-client.js';
import { TaskScopes, expandBy } from '../../queue/task-scopes.js';
import { BEGUN_AGAIN_NOTICE, awayNotice, writeHeader } from '../../task-log/lines.js';
import { logSettings } from '../../task-log/publisher.js';
import type { LogPublisher, PublishedLog } from '../../task-log/publisher.js';
import { TaskLog } from '../../task-log/writer.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { TempDir } from '../../util/temp-dir.js';
import { RunMeasures } from '../run-measures.js';
import type { ResumeFacts } from '../run-record.js';
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
export const LOG_FILE = 'task.log';

function isLogFile(name: string): boolean {
  return name.startsWith(LOG_FILE);
}

/**
 * Creates the run's directory, opens its log and artifact store, and publishes the log. A resumed run continues its
 * directory and log, and its live log keeps its address. Throws file system errors.
 */
export async function openRun(
  session: RunSession,
  claim: Claim,
  services: OpenServices,
  facts: ResumeFacts,
): Promise<OpenedRun> {
  const { settings, now, worker } = services;
  session.log.info('run task');
  const directory = await openDirectory(claim, settings.runsDirectory, facts);
  session.resources.use('directory of the run', directory);
  const logFull = new LinkedAbort();
  const { taskLog, artifacts } = await openLog(session, directory.path, services, {
    maxBytes: settings.maxLogBytes,
    // A log with a gap can't become a success: going on is useless.
    onCut: () => {
      logFull.abort(new Error('the log is full'));
    },
  });
  const context = contextOf(session, claim, { taskLog, artifacts, directory: directory.path, worker });
  const opening = { context, taskLog, facts };
  const published = await publishLog(session, claim, services, opening);
  writeFirstLines(opening, claim, services);
  session.log.info('task start');
  const taskDeadline = new Date(Date.parse(claim.task.deadline) + claim.clockSkewMs);
  const collectLimit = { grantedMs: settings.maxUploadMs, taskDeadline, now };
  const openedAtMs = performance.now() - (facts.openedAt === undefined ? 0 : msSince(facts.openedAt, now()));
  return { session, context, taskLog, published, collectLimit, logFull: logFull.signal, openedAtMs };
}

function msSince(time: string, now: Date): number {
  return Math.max(0, now.getTime() - Date.parse(time));
}

/** Creates the run's directory. A run that begins again gets its previous one, in which only the log is left. */
async function openDirectory(
  { taskId, runId }: Claim,
  runsDirectory: string,
  { directory, containerId, outcome }: ResumeFacts,
): Promise<TempDir> {
  if (directory === undefined) return await TempDir.create(runsDirectory, `${taskId}-${runId}-`);
  const own = TempDir.adopt(directory);
  if (containerId === undefined && outcome === undefined) await own.empty(isLogFile);
  return own;
}

interface Opening {
  readonly context: RunContext;
  readonly taskLog: TaskLog;
  readonly facts: ResumeFacts;
}

async function publishLog(
  session: RunSession,
  { task }: Claim,
  { admission, publisher, now }: OpenServices,
  { context, taskLog, facts }: Opening,
): Promise<PublishedLog> {
  const { name, asksForLive } = logSettings(task.payload);
  const log = facts.log ?? { name, isLive: asksForLive ?? admission.isEnabled('localLiveLog') };
  const published = publisher.publish({ ...context, queue: session.queue }, taskLog, log, facts.live);
  const openedAt = facts.openedAt ?? now().toISOString();
  const { directory } = context;
  await session.note({ directory, log, openedAt, ...(published.address && { live: published.address }) });
  return published;
}

function writeFirstLines({ context, taskLog, facts }: Opening, claim: Claim, { lifecycle, now }: OpenServices): void {
  if (facts.directory === undefined || taskLog.size === 0) {
    writeHeader(taskLog, context);
    lifecycle.taskStart(claim);
  }
  if (facts.lastSeen === undefined) return;
  // The footer is the last line of a log, and it has been uploaded perhaps.
  if (facts.outcome) return;
  const seconds = Math.round(msSince(facts.lastSeen, now()) / 1000);
  if (facts.containerId === undefined) taskLog.line(BEGUN_AGAIN_NOTICE);
  else taskLog.lineAtBreak(awayNotice(seconds));
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
