import type { Logger } from '../log/logger.js';
import type { RunQueue } from './queue-client.js';
import { ScopeSet } from './scopes.js';
import type { ScopeExpression } from './scopes.js';
import { errorMessage } from '../util/error-message.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { startOf } from '../util/shorten.js';
import { TaskError } from '../outcome/errors.js';
import type { TaskOutput } from '../outcome/task-output.js';
import { isErrorOf, isRetryable } from '../outcome/service-error.js';

/** Returns the scopes with those that their roles grant; fails with a TaskError, or with the signal's reason. */
export type ExpandScopes = (scopes: readonly string[], signal: AbortSignal) => Promise<readonly string[]>;

const LONGEST_CAUSE = 300;

// Only these grant a role: `assume:<roleId>`, or a pattern such as `assu*`. The auth service has the same rule.
const ROLE = /^(?:assume:|(?:|a|as|ass|assu|assum|assume)\*$)/;

// About twenty minutes, as long as a claim lasts: waiting costs nothing, but a failed run is not run again.
const EXPAND_RETRIES: RetryPolicy = { attempts: 45, firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 };

/**
 * What a task may do. Its roles are expanded once, and only if something needs more than the listed scopes: most tasks
 * list what they need, so most checks need no call.
 */
export class TaskScopes {
  /** As in the task's definition. Services expand the roles in them themselves. */
  readonly listed: readonly string[];
  readonly #expand: ExpandScopes | undefined;
  #listedSet: ScopeSet | undefined;
  #expanded: Promise<ScopeSet> | undefined;

  /** Without `expand`, the task has only the listed scopes. */
  constructor(listed: readonly string[], expand?: ExpandScopes) {
    this.listed = listed;
    this.#expand = expand;
  }

  /** Returns the scopes of `needed` that neither task.scopes nor its roles grant; empty if the task may do it. */
  async missing(needed: ScopeExpression, signal: AbortSignal): Promise<readonly string[]> {
    this.#listedSet ??= new ScopeSet(this.listed);
    const literally = this.#listedSet.missing(needed);
    if (literally.length === 0 || !this.#expand || !this.listed.some((scope) => ROLE.test(scope))) return literally;
    this.#expanded ??= this.#expand(this.listed, signal).then((scopes) => new ScopeSet(scopes));
    return (await this.#expanded).missing(needed);
  }
}

/** Expands roles by the auth service, with the run's credentials and with retries; logs once that it waits for that. */
export function expandBy(queue: Pick<RunQueue, 'expandScopes'>, log: Logger, output: TaskOutput): ExpandScopes {
  const onRetry = (error: unknown, attempt: number, delayMs: number): void => {
    log.warn('error expanding scopes', { error, attempt, retryInMs: Math.round(delayMs) });
    // A single failure does not concern the author.
    if (attempt === 2) {
      const [cause = ''] = errorMessage(error).split(/[\r\n]/, 1);
      output.line(`Waiting for the roles in task.scopes to be expanded: ${startOf(cause, LONGEST_CAUSE)}`);
    }
  };
  return async (scopes, signal) => {
    let attempts = 0;
    try {
      const call = (attempt: number): Promise<readonly string[]> => {
        attempts = attempt;
        return queue.expandScopes(scopes, signal);
      };
      const expanded = await retry(EXPAND_RETRIES, { isRetryable, onRetry }, call, signal);
      if (attempts > 2) output.line('The roles in task.scopes are expanded; the task continues.');
      return expanded;
    } catch (error) {
      if (signal.aborted) throw error;
      log.error('scopes not expanded', { error });
      const text = `The roles in task.scopes could not be expanded: ${errorMessage(error)}`;
      throw TaskError.exception('internal-error', `${text} ${adviceOn(error)}`, error);
    }
  };
}

function adviceOn(error: unknown): string {
  if (isErrorOf(error, 'taskcluster', 403)) {
    return 'The operators of this Taskcluster deployment must grant auth:expand-scopes to the role anonymous.';
  }
  return 'This is not a mistake of the task: run it again.';
}
