import { DEFAULT_LOG_NAME } from '../../task-log/publisher.js';
import type { Feature } from '../../task/feature.js';

/**
 * Switches the live log and reserves its name. The log itself, and the backing log's name, belong to the run, which
 * opens the log before it uses any feature, so that every error is in it.
 */
export const localLiveLog: Feature = {
  name: 'localLiveLog',
  enabledByDefault: true,
  requiredScopes: () => undefined,
  reservedArtifacts: ({ payload }) => [payload.log || DEFAULT_LOG_NAME],
  attach: () => ({}),
  adopt: () => ({}),
};
