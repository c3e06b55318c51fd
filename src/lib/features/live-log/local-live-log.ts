import { DEFAULT_LOG_NAME } from '../../task/log-format.js';
import type { Feature } from '../feature.js';
import { backingName } from './live-log.js';

/**
 * The switch for the live log and the names it takes. The log itself belongs to the run: it is open before any feature
 * is asked, so that every error can be read.
 */
export const localLiveLog: Feature = {
  name: 'localLiveLog',
  enabledByDefault: true,
  requiredScopes: () => undefined,
  reservedArtifacts: ({ payload }) => {
    const name = payload.log ?? DEFAULT_LOG_NAME;
    return [name, backingName(name)];
  },
  attach: () => ({}),
};
