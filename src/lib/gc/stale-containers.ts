import type { DockerEngine, Labels } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import type { GarbageSource } from './garbage-source.js';
import { RetryingRemoval } from './retrying-removal.js';

export interface StaleContainersDeps {
  readonly engine: Pick<DockerEngine, 'findContainers' | 'endOfContainer' | 'removeContainer'>;
  readonly log: Logger;
  readonly now: () => Date;
  /** The labels of this worker's own containers: Orphans removes those. */
  readonly labels: Labels;
  /** A container that ended at least this long ago is stale. */
  readonly expirationMs: number;
  /** Also collects the containers of others. */
  readonly wholeMachine: boolean;
}

/**
 * Containers that ended long ago and still exist, which should not happen. Those of others are collected only on
 * machines that run nothing but this worker's tasks, and never while they run.
 */
export class StaleContainers implements GarbageSource {
  readonly name = 'stale containers';
  readonly #deps: StaleContainersDeps;
  readonly #removals: RetryingRemoval;

  constructor(deps: StaleContainersDeps) {
    this.#deps = deps;
    this.#removals = new RetryingRemoval('container', deps.log);
  }

  async collect(_isDiskShort: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const { engine, labels: own, wholeMachine } = this.#deps;
    if (!wholeMachine) return;
    const all = await engine.findContainers({}, signal);
    const others = all.filter(({ labels }) => Object.entries(own).some(([key, value]) => labels[key] !== value));
    const stale = [];
    for (const other of others) {
      if (await this.#staleSinceIfKnown(other.id, signal))
        stale.push({ ...other, facts: { reason: 'it ended long ago' } });
    }
    const remove = async (id: string): Promise<void> => {
      // Removing kills, so this is checked right before it.
      const since = await this.#staleSince(id, signal);
      if (!since) throw new Error('it was started again');
      await this.#remove(id, since);
    };
    await this.#removals.removeEach(stale, remove, signal);
  }

  /** Removes a container in any state, and alerts if it is stale. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#remove(id, await this.#staleSinceIfKnown(id, signal));
  }

  async #remove(id: string, staleSince: Date | undefined): Promise<void> {
    await this.#deps.engine.removeContainer(id);
    if (staleSince) {
      this.#deps.log.alert('stale container', { containerId: id, endedAt: staleSince.toISOString() });
    }
  }

  /** Also undefined when the engine can't tell: one unusual container must not hold up the others. */
  async #staleSinceIfKnown(id: string, signal: AbortSignal): Promise<Date | undefined> {
    try {
      return await this.#staleSince(id, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.log.warn('container not inspected', { containerId: id, error: errorMessage(error) });
      return undefined;
    }
  }

  async #staleSince(id: string, signal: AbortSignal): Promise<Date | undefined> {
    const { engine, now, expirationMs } = this.#deps;
    const endedAt = await engine.endOfContainer(id, signal);
    return endedAt && now().getTime() - endedAt.getTime() >= expirationMs ? endedAt : undefined;
  }
}
