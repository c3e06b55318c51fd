import { orForPool } from '../queue/scopes.js';
import type { Feature, TaskFeature } from '../task/feature.js';

/** Lets the task's programs trace each other, regardless of their users: debuggers, sanitizers, crash reporters. */
export const allowPtrace: Feature = {
  name: 'allowPtrace',
  enabledByDefault: false,
  requiredScopes: ({ worker }) => orForPool('docker-worker:feature:allowPtrace', worker),
  reservedArtifacts: () => [],
  attach: allowed,
  adopt: allowed,
};

function allowed(): TaskFeature {
  return { prepare: () => Promise.resolve({ capAdd: ['SYS_PTRACE'] }) };
}
