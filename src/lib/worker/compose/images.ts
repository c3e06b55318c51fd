import type { Config } from '../../config/config.js';
import type { DockerEngine } from '../../docker/engine.js';
import type { GarbageSource } from '../../gc/garbage-source.js';
import { ArtifactImages } from '../../images/artifact-image.js';
import { ImageCache } from '../../images/image-cache.js';
import { ImageRecords } from '../../images/image-records.js';
import type { ImageProvider } from '../../images/image-provider.js';
import { ImageUses } from '../../images/image-uses.js';
import { Images } from '../../images/images.js';
import { RegistryImages } from '../../images/registry-image.js';
import { UnusedImages } from '../../images/unused-images.js';
import type { Logger } from '../../log/logger.js';
import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import { TaskclusterDirectory } from '../../queue/taskcluster-directory.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { RetryPolicy } from '../../util/retry.js';
import type { ListedImage } from '../status/worker-status.js';

interface Parts {
  readonly engine: DockerEngine;
  readonly log: Logger;
  readonly metrics: MetricsRecorder;
}

/** The source of images, and the images that tasks no longer need. */
export interface WorkerImages {
  readonly provider: ImageProvider;
  readonly garbage: GarbageSource;
  /** What tasks have used, for those who show it. */
  readonly list: () => readonly ListedImage[];
}

/** Makes everything for images: where they come from, which are on the machine, and which may be removed. */
export async function makeImages(
  config: Config,
  { engine, log, metrics }: Parts,
  resources: ResourceStack,
): Promise<WorkerImages> {
  const { rootUrl, stateDir, registries, dockerConfig, garbageCollection, artifacts, taskQueue } = config;
  const now = (): Date => new Date();
  const imageRecords = await ImageRecords.open({ stateDir, log, now });
  resources.defer('image records', () => imageRecords.flush());
  const uses = new ImageUses();
  const retries = pullRetries(config);
  const cache = new ImageCache({
    engine,
    imageRecords,
    uses,
    log,
    metrics,
    parallelFetches: dockerConfig.maxParallelImageLoads,
  });
  const settings = { registries, defaultRegistry: dockerConfig.defaultRegistry };
  const queue = new TaskclusterDirectory({ rootUrl, callTimeoutMs: taskQueue.callTimeout });
  const ofTasks = new ArtifactImages({ engine, queue, retries, inactivityMs: artifacts.inactivityTimeout });
  const { imageExpiration: expirationMs, wholeMachine } = garbageCollection;
  return {
    provider: new Images(cache, {
      'docker-image': new RegistryImages({ engine, pullRetries: retries, settings, log }),
      'task-image': ofTasks,
      'indexed-image': ofTasks,
    }),
    garbage: new UnusedImages({ engine, imageRecords, uses, log, now, expirationMs, wholeMachine }),
    list: () => {
      const inUse = uses.names;
      return imageRecords.leastRecentlyUsed.map((record) => ({ ...record, isInUse: inUse.has(record.localName) }));
    },
  };
}

function pullRetries({ dockerConfig }: Config): RetryPolicy {
  const { maxAttempts, delayFactor, randomizationFactor } = dockerConfig;
  return {
    attempts: maxAttempts,
    firstDelayMs: delayFactor,
    maxDelayMs: Infinity,
    randomization: randomizationFactor,
  };
}
