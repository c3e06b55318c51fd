/** The part of a worker that is needed to end it. */
export interface StoppableWorker {
  stop(mode: 'graceful' | 'immediate', abandon: AbortSignal): Promise<void>;
}

export interface QueueWorkersOptions {
  /** Starts a worker that claims from this task queue. */
  readonly start: (taskQueueId: string) => Promise<StoppableWorker>;
  /** Called when a worker could not be started: tasks of its queue would wait for ever. */
  readonly onFailed: (error: unknown) => void;
  /** Called when a worker could not be stopped, or left something behind. */
  readonly onLeft: (error: unknown) => void;
}

/** The workers of a run: one for each task queue that has tasks for it. */
export class QueueWorkers {
  readonly #options: QueueWorkersOptions;
  readonly #workers = new Map<string, Promise<StoppableWorker | undefined>>();
  #isStopped = false;

  constructor(options: QueueWorkersOptions) {
    this.#options = options;
  }

  /** Starts a worker for the queue, if it has none yet. */
  need(taskQueueId: string): void {
    if (this.#isStopped || this.#workers.has(taskQueueId)) return;
    const starting = this.#options.start(taskQueueId).catch((error: unknown) => {
      this.#options.onFailed(error);
      return undefined;
    });
    this.#workers.set(taskQueueId, starting);
  }

  /** Stops all workers, also those that are still starting. No worker starts afterwards. */
  async stop(mode: 'graceful' | 'immediate', abandon: AbortSignal): Promise<void> {
    this.#isStopped = true;
    await Promise.all(
      [...this.#workers.values()].map(async (starting) => {
        try {
          await (await starting)?.stop(mode, abandon);
        } catch (error) {
          this.#options.onLeft(error);
        }
      }),
    );
  }
}
