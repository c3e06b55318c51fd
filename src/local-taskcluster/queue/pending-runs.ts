import { PRIORITIES } from '../schemas/task-schemas.js';
import type { Task, Worker } from './task.js';

interface PendingRun {
  readonly task: Task;
  readonly runId: number;
}

/** A worker's request for pending runs. */
export interface Poll {
  readonly taskQueueId: string;
  /** The most runs that it takes. */
  readonly count: number;
  readonly worker: Worker;
  /** Aborts when the worker no longer waits. */
  readonly closed: AbortSignal;
  /** Waits until then, and not only as long as a poll usually lasts. */
  readonly isEndless?: boolean;
}

interface OpenPoll<Claim> extends Poll {
  readonly answer: (claims: readonly Claim[]) => void;
}

interface PendingRunsOptions<Claim> {
  /** How long a poll waits, in milliseconds. */
  readonly longPollMs: number;
  readonly mayClaim: (task: Task) => boolean;
  /** Claims the run, which is no longer pending afterwards. */
  readonly claim: (run: PendingRun, worker: Worker) => Claim;
}

/** The pending runs of each task queue, and the polls that wait for them. */
export class PendingRuns<Claim> {
  readonly #options: PendingRunsOptions<Claim>;
  readonly #runs = new Map<string, PendingRun[]>();
  readonly #polls = new Map<string, Set<OpenPoll<Claim>>>();

  constructor(options: PendingRunsOptions<Claim>) {
    this.#options = options;
  }

  add(task: Task, runId: number): void {
    const { taskQueueId } = task.definition;
    this.#runs.set(taskQueueId, [...this.waiting(taskQueueId), { task, runId }]);
    this.#serveSoon(taskQueueId);
  }

  /**
   * Claims at most `count` runs, highest priority first, then oldest. Waits for one until the poll is closed or has
   * lasted long enough.
   */
  async take(poll: Poll): Promise<readonly Claim[]> {
    const { taskQueueId, closed, isEndless = false } = poll;
    if (closed.aborted) return [];
    const polls = this.#polls.get(taskQueueId) ?? new Set();
    this.#polls.set(taskQueueId, polls);
    if (polls.size === 0) {
      const claims = this.#claimNow(poll);
      if (claims.length > 0) return claims;
    }
    return new Promise((resolve) => {
      const end = (claims: readonly Claim[]): void => {
        clearTimeout(timer);
        polls.delete(open);
        closed.removeEventListener('abort', giveUp);
        resolve(claims);
      };
      const giveUp = (): void => {
        end([]);
      };
      const open = { ...poll, answer: end };
      const timer = isEndless ? undefined : setTimeout(giveUp, this.#options.longPollMs);
      polls.add(open);
      closed.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Offers all pending runs to the waiting polls again, soon: other runs may be claimed now. */
  review(): void {
    for (const taskQueueId of this.#polls.keys()) this.#serveSoon(taskQueueId);
  }

  /**
   * Returns the queue's pending runs in the order they were added, without those that were resolved or claimed
   * meanwhile.
   */
  waiting(taskQueueId: string): readonly PendingRun[] {
    return (this.#runs.get(taskQueueId) ?? []).filter(isPending);
  }

  /** Delayed, so that a poll whose connection was closed before this request arrived is removed first. */
  #serveSoon(taskQueueId: string): void {
    setImmediate(() => {
      for (const poll of [...(this.#polls.get(taskQueueId) ?? [])]) {
        const claims = this.#claimNow(poll);
        if (claims.length === 0) return;
        poll.answer(claims);
      }
    });
  }

  #claimNow({ taskQueueId, count, worker }: Poll): readonly Claim[] {
    const rank = ({ task }: PendingRun): number => PRIORITIES.indexOf(task.definition.priority);
    const candidates = [...this.waiting(taskQueueId)].sort((one, other) => rank(one) - rank(other));
    const claims: Claim[] = [];
    for (const run of candidates) {
      if (claims.length === count) break;
      // Each run is claimed before the next question: the answer may depend on how many are running.
      if (this.#options.mayClaim(run.task)) claims.push(this.#options.claim(run, worker));
    }
    const rest = this.waiting(taskQueueId);
    if (rest.length > 0) this.#runs.set(taskQueueId, [...rest]);
    else this.#runs.delete(taskQueueId);
    return claims;
  }
}

function isPending({ task, runId }: PendingRun): boolean {
  return task.run(runId)?.state === 'pending';
}
