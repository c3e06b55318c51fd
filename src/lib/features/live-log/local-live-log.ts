import { DEFAULT_LOG_NAME } from '../../task-log/publisher.js';
import type { Feature } from '../../task/feature.js';

/**
 * The switch for the live log and the name it takes. The log itself, and the backing log's name, belong to the run: it is
 * open before any feature is asked, so that every error can be read.
 */
export const localLiveLog: Feature = {
  name: 'localLiveLog',
  enabledByDefault: true,
  requiredScopes: () => undefined,
  reservedArtifacts: ({ payload }) => [payload.log || DEFAULT_LOG_NAME],
  attach: () => ({}),
};
