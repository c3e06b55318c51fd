import type { Config } from '../../lib/config/config.js';
import { TaskError } from '../../lib/outcome/errors.js';
import type { ScopeExpression } from '../../lib/queue/scopes.js';
import { TaskScopes } from '../../lib/queue/task-scopes.js';
import { TaskChecker } from '../../lib/worker/compose/admission.js';
import { workerFacts } from '../../lib/worker/compose/worker-facts.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** Returns the scopes that a task's features need; empty for a task that its worker refuses. */
export type ScopesNeeded = (definition: TaskView['definition']) => Promise<readonly ScopeExpression[]>;

/** Returns what tells which scopes tasks need on a worker of this configuration. */
export function scopesNeededOn(config: Config, version: string): ScopesNeeded {
  const checker = new TaskChecker(config, version);
  const worker = workerFacts(config, version);
  // As if the task had all scopes: then it is refused only for other reasons, which its log states.
  const scopes = new TaskScopes(['*']);
  return async (definition) => {
    try {
      const task = { definition: { ...definition }, scopes };
      const { payload, features } = await checker.check(task, new AbortController().signal);
      return features.flatMap((feature) => feature.requiredScopes({ payload, worker }) ?? []);
    } catch (error) {
      if (error instanceof TaskError) return [];
      throw error;
    }
  };
}
