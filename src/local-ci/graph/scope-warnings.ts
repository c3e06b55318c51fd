import { missingScopes } from '../../lib/queue/scopes.js';
import type { ScopeExpression } from '../../lib/queue/scopes.js';
import { shorten } from '../../lib/util/shorten.js';
import { assumedRoles } from '../../local-run/assumed-roles.js';
import type { ScopesNeeded } from './needed-scopes.js';
import { printable } from './printable.js';
import type { ShownName } from './standing-words.js';
import type { TaskView } from '../../local-taskcluster/server.js';

export interface ScopeWarningsOptions {
  readonly shownName: ShownName;
  readonly news: (line: string) => void;
}

const LENGTH = 1000;

/** Warns about tasks that depend on what their roles grant: here everything, elsewhere nobody knows. */
export class ScopeWarnings {
  readonly #options: ScopeWarningsOptions;
  /** What tells the needed scopes, by task queue, as soon as its worker is there. */
  readonly #needed = new Map<string, ScopesNeeded>();
  /** The tasks whose worker is not there yet, by task queue. */
  readonly #waiting = new Map<string, TaskView[]>();

  constructor(options: ScopeWarningsOptions) {
    this.#options = options;
  }

  /** Checks a task, at once or when the worker of its queue is known. Resolves when that is done, if at once. */
  async check(task: TaskView): Promise<void> {
    const { taskQueueId, scopes } = task.definition;
    if (assumedRoles(scopes).length === 0) return;
    const needed = this.#needed.get(taskQueueId);
    if (needed) {
      this.#warn(task, await needed(task.definition));
      return;
    }
    const waiting = this.#waiting.get(taskQueueId) ?? [];
    waiting.push(task);
    this.#waiting.set(taskQueueId, waiting);
  }

  /** Checks the tasks of the queue, whose worker is there now. */
  async know(taskQueueId: string, needed: ScopesNeeded): Promise<void> {
    this.#needed.set(taskQueueId, needed);
    const waiting = this.#waiting.get(taskQueueId) ?? [];
    this.#waiting.delete(taskQueueId);
    for (const task of waiting) this.#warn(task, await needed(task.definition));
  }

  #warn({ taskId, definition }: TaskView, needed: readonly ScopeExpression[]): void {
    const missing = new Set(needed.flatMap((expression) => firstMissing(definition.scopes, expression)));
    if (missing.size === 0) return;
    const list = printable(shorten([...missing].join(', '), LENGTH), LENGTH * 2);
    const { shownName, news } = this.#options;
    news(`${shownName(taskId)} needs ${list}: granted here; in the deployment, a role of the task must grant it`);
  }
}

/** Returns the missing scopes; of alternatives the first one, which is not limited to a worker pool. */
function firstMissing(scopes: readonly string[], needed: ScopeExpression): readonly string[] {
  if (missingScopes(scopes, needed).length === 0) return [];
  if (typeof needed === 'string') return [needed];
  if ('AllOf' in needed) return needed.AllOf.flatMap((part) => firstMissing(scopes, part));
  const [first] = needed.AnyOf;
  return first === undefined ? [] : firstMissing(scopes, first);
}
