import type { Config } from '../config/config.js';
import { artifactsFeature } from './artifacts/artifacts.js';
import { bulkLog } from './bulk-log.js';
import { cachesFeature } from './caches.js';
import type { CachesOptions } from './caches.js';
import type { Feature } from './feature.js';
import { localLiveLog } from './live-log/local-live-log.js';

/** The one list of features. They collect and finish in this order. */
export function createFeatures(config: Config, services: CachesOptions): readonly Feature[] {
  // Caches before what takes long: whether they are fit for another task is known once the container has ended.
  return [localLiveLog, cachesFeature(services), artifactsFeature(config.artifacts), bulkLog];
}
