import { orForPool } from '../queue/scopes.js';
import type { Feature } from '../task/feature.js';

/** Programs of the task may trace each other whatever their users: debuggers, sanitizers, crash reporters. */
export const allowPtrace: Feature = {
  name: 'allowPtrace',
  enabledByDefault: false,
  requiredScopes: ({ worker }) => orForPool('docker-worker:feature:allowPtrace', worker),
  reservedArtifacts: () => [],
  attach: () => ({ prepare: () => Promise.resolve({ capAdd: ['SYS_PTRACE'] }) }),
};
