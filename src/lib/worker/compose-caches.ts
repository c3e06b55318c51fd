import { join } from 'node:path';
import { PurgeRequests } from '../caches/purge-requests.js';
import { Trash } from '../caches/trash.js';
import { OWN_DIRECTORY, VolumeCaches } from '../caches/volume-cache.js';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import type { CredentialSource } from '../queue/queue-client.js';
import { TaskclusterPurgeCache } from '../queue/taskcluster-purge-cache.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { ensureWritableDirectory } from './ensure-writable-directory.js';
import { StateLock } from './state-lock.js';

interface Parts {
  readonly log: Logger;
  readonly metrics: MetricsRecorder;
  /** The worker's own. */
  readonly credentials: CredentialSource;
  readonly removeTree: RemoveTree;
}

export interface WorkerCaches {
  readonly caches: VolumeCaches;
  readonly purgeRequests: PurgeRequests;
  readonly purgeAfterKill: boolean;
  /** To be called once no container of a dead run is left: deletes what such runs had, and keeps up with requests. */
  begin(): Promise<void>;
  /** How far a claim shows this machine's clock to be ahead of the deployment's. */
  noteClockSkew(skewMs: number): void;
  /** Lets go of the directory. */
  close(): Promise<void>;
}

const KEY = 'cache.volumeCachePath';
// What a worker that ends leaves to the deletion of caches; the next one goes on with it.
const DELETION_GRACE_MS = 10_000;

/** Takes the caches' directory and what the one before left there. Fails with a ConfigError when it can't be used. */
export async function composeCaches(config: Config, parts: Parts): Promise<WorkerCaches> {
  const { credentials, log, metrics, removeTree } = parts;
  const { stateDir } = config;
  const { volumeCachePath: directory, releaseTimeout: releaseTimeoutMs } = config.cache;
  if (directory.includes(':')) {
    throw new ConfigError([`${KEY}: ${directory} has a colon in it, so that docker can't mount what is there`]);
  }
  await ensureWritableDirectory(KEY, directory);
  // Beside the lock of stateDir: two workers of different ones would delete each other's caches.
  const lock = await StateLock.acquire(join(directory, OWN_DIRECTORY), KEY);
  let clockSkewMs = 0;
  const now = (): Date => new Date();
  const trash = new Trash({
    directory: join(directory, OWN_DIRECTORY, 'trash'),
    log,
    remove: (path, signal) => removeTree(path, { isUrgent: false, signal }),
  });
  const caches = await VolumeCaches.open({ directory, stateDir, log, metrics, now, releaseTimeoutMs, trash });
  const client = purgeCacheClient(config, credentials, () => clockSkewMs);
  const purgeRequests = new PurgeRequests({ client, caches, log, now });
  const closing = new LinkedAbort();
  let following: Promise<void> | undefined;
  return {
    caches,
    purgeRequests,
    purgeAfterKill: config.cache.purgeAfterKill,
    begin: async () => {
      following = purgeRequests.follow(closing.signal);
      await caches.sweep();
    },
    noteClockSkew: (skewMs) => {
      clockSkewMs = skewMs;
    },
    close: async () => {
      closing.abort(new Error('the worker has ended'));
      await following;
      await caches.close(DELETION_GRACE_MS);
      await lock.release();
    },
  };
}

function purgeCacheClient(
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
