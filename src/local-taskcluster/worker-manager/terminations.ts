import type { TerminationDecision, WorkerKey } from '../schemas/worker-schemas.js';
import { nameOf } from './workers.js';

/** What the real service says as long as its scanner has not decided, and always of workers that it did not start. */
const UNDECIDED: TerminationDecision = { terminate: false, reason: 'none' };

/** Which workers are to end themselves. Nobody decides that here but whoever tries how workers take it. */
export class Terminations {
  readonly #decisions = new Map<string, TerminationDecision>();

  /** From now on this is the answer for that worker, registered or not. */
  decide(worker: WorkerKey, decision: TerminationDecision): void {
    this.#decisions.set(nameOf(worker), decision);
  }

  decisionOn(worker: WorkerKey): TerminationDecision {
    return this.#decisions.get(nameOf(worker)) ?? UNDECIDED;
  }

  /** All that was decided. */
  list(): readonly (TerminationDecision & { readonly worker: string })[] {
    return [...this.#decisions].map(([worker, decision]) => ({ worker, ...decision }));
  }
}
