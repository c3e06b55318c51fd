import type { CacheInstance } from '../../caches/cache-state.js';
import type { Config } from '../../config/config.js';
import type { ImageRecord } from '../../images/image-records.js';
import type { HostSample } from '../../log/host-sample.js';
import type { LogFields } from '../../log/logger.js';
import type { Problem } from '../../log/recent-problems.js';
import { errorMessage } from '../../util/error-message.js';
import type { HealthReport } from '../health.js';
import type { RunBoard, RunOnBoard } from './run-board.js';

/** An image that tasks have used. */
export interface ListedImage extends ImageRecord {
  readonly isInUse: boolean;
}

/** What the worker shows of itself, as JSON. Without secrets. */
export interface WorkerStatus {
  /** When this was read. ISO 8601, as all times here. */
  readonly time: string;
  readonly worker: WorkerName;
  readonly health: HealthReport;
  readonly runs: readonly ShownRun[];
  readonly caches: Listed<ShownCache>;
  readonly images: Listed<ListedImage>;
  readonly machine: ShownMachine | undefined;
  /** Why there is no `machine`. */
  readonly machineError: string | undefined;
  /** The last warnings and errors of the worker's log, the newest first; undefined: they are not kept. */
  readonly problems: readonly ShownProblem[] | undefined;
  /** As YAML, with `***` for secrets; undefined: it is not known. */
  readonly configuration: string | undefined;
}

interface WorkerName {
  readonly version: string;
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly rootUrl: string;
}

interface ShownRun extends RunOnBoard {
  /** The page of the deployment about the run. */
  readonly url: string;
  /** The page of the deployment that shows the log; undefined until the log is open. */
  readonly logUrl: string | undefined;
}

/** The first of a list that may be long. */
interface Listed<T> {
  readonly total: number;
  readonly first: readonly T[];
}

type ShownCache = Pick<CacheInstance, 'name' | 'isInUse' | 'isPurged'> & {
  /** The name of its directory. */
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
};

interface ShownMachine extends HostSample {
  /** No task is claimed with less free space for each slot than this. */
  readonly diskThresholdBytes: number;
}

interface ShownProblem {
  readonly time: string;
  readonly level: Problem['level'];
  readonly event: string;
  readonly fields: LogFields;
}

/** Where the status comes from. */
export interface StatusSources {
  readonly config: Config;
  readonly version: string;
  readonly health: () => Promise<HealthReport>;
  readonly runs: Pick<RunBoard, 'runs'>;
  readonly caches: { readonly instances: readonly CacheInstance[] };
  /** The least recently used first. */
  readonly images: () => readonly ListedImage[];
  readonly sampleHost: () => Promise<HostSample>;
  /** The newest first; absent: they are not kept. */
  readonly problems?: (() => readonly Problem[]) | undefined;
  /** The configuration as text without secrets; absent: it is not known. */
  readonly shownConfig?: (() => string) | undefined;
  readonly now: () => Date;
}

const LISTED = 100;
/** The fields that every line of the log has. */
const OWN_FIELDS = new Set(['source', 'provisionerId', 'workerId', 'workerGroup', 'workerType', 'workerNodeType']);

/** Reads the worker's status; takes at most five seconds, which an engine may take to answer. */
export async function readStatus(sources: StatusSources): Promise<WorkerStatus> {
  const { config, version, health, runs, caches, images, problems, shownConfig, now } = sources;
  const { provisionerId, workerType, workerGroup, workerId, rootUrl } = config;
  return {
    time: now().toISOString(),
    worker: { version, workerPoolId: `${provisionerId}/${workerType}`, workerGroup, workerId, rootUrl },
    health: await health(),
    runs: runs.runs.map((run) => shownRun(run, rootUrl)),
    caches: newestOf(caches.instances, shownCache),
    images: newestOf(images(), (image) => image),
    ...(await machineOf(sources)),
    problems: problems?.().map(shownProblem),
    configuration: shownConfig?.(),
  };
}

async function machineOf({
  config,
  sampleHost,
}: StatusSources): Promise<Pick<WorkerStatus, 'machine' | 'machineError'>> {
  try {
    const { diskspaceThreshold: diskThresholdBytes } = config.capacityManagement;
    return { machine: { ...(await sampleHost()), diskThresholdBytes }, machineError: undefined };
  } catch (error) {
    return { machine: undefined, machineError: errorMessage(error) };
  }
}

function newestOf<From, To>(oldestFirst: readonly From[], shown: (each: From) => To): Listed<To> {
  const first = oldestFirst.slice(-LISTED).toReversed();
  return { total: oldestFirst.length, first: first.map(shown) };
}

function shownRun(run: RunOnBoard, rootUrl: string): ShownRun {
  const { taskId, runId, logName } = run;
  const url = `${rootUrl.replace(/\/$/, '')}/tasks/${encodeURIComponent(taskId)}/runs/${runId}`;
  const logUrl = logName === undefined ? undefined : `${url}/logs/live/${encodeURIComponent(logName)}`;
  return { ...run, url, logUrl };
}

function shownCache({ name, uuid: id, isInUse, isPurged, createdAt, lastUsedAt }: CacheInstance): ShownCache {
  return { name, id, isInUse, isPurged, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt.toISOString() };
}

function shownProblem({ time, level, event, fields }: Problem): ShownProblem {
  const facts = Object.entries(fields).filter(([key]) => !OWN_FIELDS.has(key));
  return { time: time.toISOString(), level, event, fields: Object.fromEntries(facts) };
}
