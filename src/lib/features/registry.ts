import type { Config } from '../config/config.js';
import { artifactsFeature } from './artifacts/artifacts.js';
import { bulkLog } from './bulk-log.js';
import type { Feature } from './feature.js';
import { localLiveLog } from './live-log/local-live-log.js';

/** The one list of features. They collect and finish in this order. */
export function createFeatures(config: Config): readonly Feature[] {
  return [localLiveLog, artifactsFeature(config.artifacts), bulkLog];
}
