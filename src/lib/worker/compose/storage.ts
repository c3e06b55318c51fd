import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PurgeRequests } from '../../caches/purge-requests.js';
import { Trash } from '../../caches/trash.js';
import { OWN_DIRECTORY, VolumeCaches } from '../../caches/volume-cache.js';
import { ConfigError } from '../../config/config-error.js';
import type { Config } from '../../config/config.js';
import type { DockerEngine } from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import type { CredentialSource } from '../../queue/queue-client.js';
import { TaskclusterPurgeCache } from '../../queue/taskcluster-purge-cache.js';
import { workerLabels } from '../../task/phases/container-spec.js';
import { RunJournal } from '../../task/run-journal.js';
import type { WorkerFacts } from '../../task/task-context.js';
import { withTimeout } from '../../util/abortable.js';
import { errorMessage } from '../../util/error-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { EngineLock } from '../engine-lock.js';
import { ensureWritableDirectory } from '../ensure-writable-directory.js';
import { Heartbeat } from '../heartbeat.js';
import { StateLock } from '../state-lock.js';

/** What the worker keeps on this machine's disk. */
export interface Storage {
  /** Holds one directory per run. */
  readonly runsDirectory: string;
  readonly journal: RunJournal;
  /** When a previous worker with this state directory was last alive; undefined: there was none. */
  readonly lastSeen: Date | undefined;
  /** From now on the next worker knows when this one was alive. Call it once `lastSeen` has been used. */
  beginHeartbeat(): Promise<void>;
  readonly caches: VolumeCaches;
  readonly purgeRequests: PurgeRequests;
  /** Deletes the caches of dead runs and follows purge requests. Call it once no container of a dead run is left. */
  beginCaching(): Promise<void>;
  /** Records how far a claim shows this machine's clock to be ahead of the deployment's, in milliseconds. */
  noteClockSkew(skewMs: number): void;
}

interface StorageParts {
  readonly log: Logger;
  readonly metrics: MetricsRecorder;
  /** The worker's own credentials. */
  readonly credentials: CredentialSource;
  readonly removeTree: RemoveTree;
  /** Resolves when, as far as is known, no other worker on this machine uses the same engine under the same labels. */
  readonly engineLocked: Promise<void>;
  /** Whether the state of the caches is kept with them, for a worker with another stateDir. */
  readonly isCacheStatePortable?: boolean | undefined;
}

const CACHE_KEY = 'cache.volumeCachePath';
// How long a stopping worker waits for caches to be deleted; the next worker deletes the rest.
const DELETION_GRACE_MS = 10_000;
/** An engine that takes longer to answer is treated as unavailable. */
const ENGINE_ANSWER_MS = 5000;

/**
 * Starts to acquire the lock, in parallel with the rest of the start: the engine takes some time to return its id.
 * `locked` rejects with a ConfigError if another worker holds the lock. It does not reject if the engine fails to
 * answer: acquiring is retried before anything is removed or claimed.
 */
export function lockEngine(
  { engine, facts, log }: { engine: Pick<DockerEngine, 'id'>; facts: WorkerFacts; log: Logger },
  resources: ResourceStack,
): { readonly lock: EngineLock; readonly locked: Promise<void> } {
  const lock = new EngineLock({ engine, labels: workerLabels(facts) });
  resources.defer('lock of the engine', () => lock.release());
  const locked = tryToAcquire(lock, log);
  // It may reject before the caller awaits it.
  locked.catch(() => undefined);
  return { lock, locked };
}

async function tryToAcquire(lock: EngineLock, log: Logger): Promise<void> {
  try {
    await withTimeout('the engine lock', ENGINE_ANSWER_MS, (signal) => lock.acquire(signal));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    log.warn('engine not locked yet', { error: errorMessage(error) });
  }
}

/** Locks the directories and opens what a previous worker left there. Throws a ConfigError if they can't be used. */
export async function makeStorage(config: Config, parts: StorageParts, resources: ResourceStack): Promise<Storage> {
  const runsDirectory = await takeDirectories(config, resources);
  await parts.engineLocked;
  const journal = await RunJournal.open(config.stateDir);
  const lastSeen = await Heartbeat.lastSeen(config.stateDir);
  const heartbeat = new Heartbeat({ stateDir: config.stateDir, log: parts.log, now: () => new Date() });
  const beginHeartbeat = async (): Promise<void> => {
    await heartbeat.start();
    resources.defer('heartbeat', () => heartbeat.stop());
  };
  return { runsDirectory, journal, lastSeen, beginHeartbeat, ...(await makeCaches(config, parts, resources)) };
}

/** Locks the directories and returns that of the runs. */
async function takeDirectories(config: Config, resources: ResourceStack): Promise<string> {
  const { dockerVolume, stateDir, workerId } = config;
  const runsDirectory = join(dockerVolume, 'tmp', 'docker-worker-runs', workerId);
  await ensureWritableDirectory('dockerVolume', runsDirectory);
  await ensureWritableDirectory('stateDir', stateDir);
  const stateLock = await StateLock.acquire(stateDir);
  resources.defer('lock of stateDir', () => stateLock.release());
  // A second lock: workers with different state directories would take each other's runs for those of a dead worker.
  const nameLock = await StateLock.acquireName(dirname(runsDirectory), workerId);
  resources.defer('lock of the workerId', () => nameLock.release());
  resources.defer('directory of runs', () => removeIfEmpty(runsDirectory));
  return runsDirectory;
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function makeCaches(
  config: Config,
  { credentials, log, metrics, removeTree, isCacheStatePortable = false }: StorageParts,
  resources: ResourceStack,
): Promise<Pick<Storage, 'caches' | 'purgeRequests' | 'beginCaching' | 'noteClockSkew'>> {
  const { volumeCachePath: directory, releaseTimeout: releaseTimeoutMs } = config.cache;
  if (directory.includes(':')) {
    throw new ConfigError([`${CACHE_KEY}: ${directory} has a colon in it, so docker can't mount what is there`]);
  }
  await ensureWritableDirectory(CACHE_KEY, directory);
  // Another lock: two workers with different state directories would delete each other's caches.
  const lock = await StateLock.acquire(join(directory, OWN_DIRECTORY), CACHE_KEY);
  resources.defer('lock of the caches', () => lock.release());
  const stateDir = isCacheStatePortable ? join(directory, OWN_DIRECTORY) : config.stateDir;
  let clockSkewMs = 0;
  const now = (): Date => new Date();
  const trash = new Trash({
    directory: join(directory, OWN_DIRECTORY, 'trash'),
    log,
    remove: (path, signal) => removeTree(path, { isUrgent: false, signal }),
  });
  const caches = await VolumeCaches.open({ directory, stateDir, log, metrics, now, releaseTimeoutMs, trash });
  resources.defer('caches', () => caches.close(DELETION_GRACE_MS));
  const client = makePurgeCacheClient(config, credentials, () => clockSkewMs);
  const purgeRequests = new PurgeRequests({ client, caches, log, now });
  return {
    caches,
    purgeRequests,
    beginCaching: async () => {
      const closing = new LinkedAbort();
      const following = purgeRequests.follow(closing.signal);
      resources.defer('purge requests', async () => {
        closing.abort(new Error('the worker has ended'));
        await following;
      });
      await caches.sweep();
    },
    noteClockSkew: (skewMs) => {
      clockSkewMs = skewMs;
    },
  };
}

function makePurgeCacheClient(
  config: Config,
  credentials: CredentialSource,
  clockSkewMs: () => number,
): TaskclusterPurgeCache {
  const { rootUrl, provisionerId, workerType, taskQueue } = config;
  return new TaskclusterPurgeCache({
    rootUrl,
    credentials,
    workerPoolId: `${provisionerId}/${workerType}`,
    clockSkewMs,
    callTimeoutMs: taskQueue.callTimeout,
  });
}
