import type { Labelled } from '../docker/engine.js';
import type { LogFields, Logger } from '../log/logger.js';
import { Semaphore } from '../util/semaphore.js';

export interface Removable extends Labelled {
  /** For the log line: the owner, and the reason for the removal. */
  readonly facts: LogFields;
}

/** Attempts to remove one object; after this many failures an operator has to look. */
const TRIES = 5;
/** The engine runs tasks at the same time. */
const AT_ONCE = 4;

/** Removes objects of one kind from the engine. A failed removal is logged, retried in later rounds, then given up. */
export class RetryingRemoval {
  readonly #kind: string;
  readonly #log: Logger;
  readonly #failures = new Map<string, number>();

  /** `kind` is the name in log lines: `container`. */
  constructor(kind: string, log: Logger) {
    this.#kind = kind;
    this.#log = log;
  }

  /** Removes the objects in `found`, which must be all there are now. Throws only once the signal aborts. */
  async removeEach(
    found: readonly Removable[],
    remove: (id: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const ids = new Set(found.map(({ id }) => id));
    for (const id of this.#failures.keys()) if (!ids.has(id)) this.#failures.delete(id);
    const tried = found.filter(({ id }) => (this.#failures.get(id) ?? 0) < TRIES);
    const slots = new Semaphore(AT_ONCE);
    await Promise.all(tried.map((each) => slots.run(() => this.#remove(each, remove, signal), signal)));
  }

  async #remove({ id, facts }: Removable, remove: (id: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const kind = this.#kind;
    const named = { [`${kind}Id`]: id, ...facts };
    try {
      await remove(id);
      this.#failures.delete(id);
      this.#log.warn(`${kind} removed`, named);
    } catch (error) {
      signal.throwIfAborted();
      const tries = (this.#failures.get(id) ?? 0) + 1;
      this.#failures.set(id, tries);
      if (tries < TRIES) this.#log.error('resource not released', { what: kind, ...named, tries, error });
      else this.#log.alert(`${kind} cannot be removed`, { ...named, tries, error });
    }
  }
}
