import { LABEL } from '../docker/engine.js';
import type { DockerEngine, Labelled, Labels } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import type { RunJournal } from '../task/run-journal.js';
import { untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';

export interface LeftoversDeps {
  readonly engine: Pick<DockerEngine, 'ping' | 'findContainers' | 'removeContainer' | 'findNetworks' | 'removeNetwork'>;
  readonly journal: Pick<RunJournal, 'isOpen'>;
  readonly log: Logger;
  /** What everything carries that this worker makes in the engine. */
  readonly labels: Labels;
}

/**
 * Containers and networks that carry this worker's labels and belong to none of its runs: a worker before this one left
 * them when it died, or the engine was gone when they were to be removed. They are looked for before the first claim
 * and whenever there is reason to.
 */
export class Leftovers {
  readonly #deps: LeftoversDeps;
  #isSuspected = true;
  #removal: Promise<void> | undefined;

  constructor(deps: LeftoversDeps) {
    this.#deps = deps;
  }

  /** Something could not be removed: it is looked for again before the next claim. */
  suspect(): void {
    this.#isSuspected = true;
  }

  /** Removes what there is now; trouble is left to the next look. */
  async remove(signal: AbortSignal): Promise<void> {
    try {
      await this.checkReady(signal);
    } catch (error) {
      this.#deps.log.warn('leftovers not removed', { error: errorMessage(error) });
    }
  }

  /** Whether the engine can run a task now: it answers, and nothing of runs that are over takes its room. */
  async checkReady(signal: AbortSignal): Promise<void> {
    const { engine } = this.#deps;
    try {
      await engine.ping(signal);
    } catch (error) {
      this.#isSuspected = true;
      throw error;
    }
    if (this.#isSuspected) this.#removal ??= this.#removeAll();
    if (this.#removal) await untilAborted(this.#removal, signal);
  }

  async #removeAll(): Promise<void> {
    this.#isSuspected = false;
    try {
      // Whoever waits for it may go; it goes on to its end. Each of its calls has a time limit.
      await this.#removeUnclaimed(new AbortController().signal);
    } catch (error) {
      this.#isSuspected = true;
      throw error;
    } finally {
      this.#removal = undefined;
    }
  }

  async #removeUnclaimed(signal: AbortSignal): Promise<void> {
    const { engine, labels } = this.#deps;
    const containers = await engine.findContainers(labels, signal);
    await this.#removeEach('container', containers, (id) => engine.removeContainer(id));
    // A network goes after the containers that are attached to it.
    const networks = await engine.findNetworks(labels, signal);
    await this.#removeEach('network', networks, (id) => engine.removeNetwork(id));
  }

  /** One that stays is told of and left: it must not keep the worker from working. */
  async #removeEach(kind: string, found: readonly Labelled[], remove: (id: string) => Promise<void>): Promise<void> {
    const { journal, log } = this.#deps;
    const abandoned = found.filter(({ labels }) => !journal.isOpen(runOf(labels)));
    await Promise.all(
      abandoned.map(async ({ id, labels }) => {
        const facts = { [`${kind}Id`]: id, ...runOf(labels) };
        try {
          await remove(id);
          log.warn(`${kind} removed`, { ...facts, reason: 'left by a run that is over' });
        } catch (error) {
          log.error('could not release', { what: kind, ...facts, error });
        }
      }),
    );
  }
}

function runOf(labels: Labels): { readonly taskId: string; readonly runId: number } {
  return { taskId: labels[LABEL.taskId] ?? '', runId: Number(labels[LABEL.runId]) };
}
