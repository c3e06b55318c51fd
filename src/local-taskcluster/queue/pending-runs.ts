import { PRIORITIES } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

interface PendingRun {
  readonly task: Task;
  readonly runId: number;
}

interface Poll {
  readonly count: number;
  readonly answer: (runs: readonly PendingRun[]) => void;
}

/** The pending runs of each task queue, and the polls that wait for them. */
export class PendingRuns {
  readonly #runs = new Map<string, PendingRun[]>();
  readonly #polls = new Map<string, Set<Poll>>();

  add(task: Task, runId: number): void {
    const { taskQueueId } = task.definition;
    this.#runs.set(taskQueueId, [...this.waiting(taskQueueId), { task, runId }]);
    // Delayed, so that a poll whose connection was closed before this request arrived is removed first.
    setImmediate(() => {
      this.#serve(taskQueueId);
    });
  }

  /**
   * Returns at most `count` runs, highest priority first, then oldest. Waits for one until the signal aborts or
   * `timeoutMs` pass.
   */
  async take(
    taskQueueId: string,
    count: number,
    timeoutMs: number,
    closed: AbortSignal,
  ): Promise<readonly PendingRun[]> {
    if (closed.aborted) return [];
    const polls = this.#polls.get(taskQueueId) ?? new Set();
    this.#polls.set(taskQueueId, polls);
    if (polls.size === 0) {
      const runs = this.#takeNow(taskQueueId, count);
      if (runs.length > 0) return runs;
    }
    return new Promise((resolve) => {
      const end = (runs: readonly PendingRun[]): void => {
        clearTimeout(timer);
        polls.delete(poll);
        closed.removeEventListener('abort', giveUp);
        resolve(runs);
      };
      const giveUp = (): void => {
        end([]);
      };
      const poll: Poll = { count, answer: end };
      const timer = setTimeout(giveUp, timeoutMs);
      polls.add(poll);
      closed.addEventListener('abort', giveUp, { once: true });
    });
  }

  /**
   * Returns the queue's pending runs in the order they were added, without those that were resolved or claimed
   * meanwhile.
   */
  waiting(taskQueueId: string): readonly PendingRun[] {
    return (this.#runs.get(taskQueueId) ?? []).filter(({ task, runId }) => task.run(runId)?.state === 'pending');
  }

  #serve(taskQueueId: string): void {
    for (const poll of [...(this.#polls.get(taskQueueId) ?? [])]) {
      const runs = this.#takeNow(taskQueueId, poll.count);
      if (runs.length === 0) return;
      poll.answer(runs);
    }
  }

  #takeNow(taskQueueId: string, count: number): readonly PendingRun[] {
    const waiting = this.waiting(taskQueueId);
    const rank = ({ task }: PendingRun): number => PRIORITIES.indexOf(task.definition.priority);
    const taken = [...waiting].sort((one, other) => rank(one) - rank(other)).slice(0, count);
    const rest = waiting.filter((run) => !taken.includes(run));
    if (rest.length > 0) this.#runs.set(taskQueueId, rest);
    else this.#runs.delete(taskQueueId);
    return taken;
  }
}
