import type { TerminationDecision, WorkerKey } from '../schemas/worker-schemas.js';
import { nameOf } from './workers.js';

/** The real service's answer until its scanner decides, and always for workers that it did not start. */
const UNDECIDED: TerminationDecision = { terminate: false, reason: 'none' };

/** Which workers have to shut down. Only a test decides that here, to see how workers react. */
export class Terminations {
  readonly #decisions = new Map<string, TerminationDecision>();

  /** Sets the answer for that worker from now on, registered or not. */
  decide(worker: WorkerKey, decision: TerminationDecision): void {
    this.#decisions.set(nameOf(worker), decision);
  }

  decisionOn(worker: WorkerKey): TerminationDecision {
    return this.#decisions.get(nameOf(worker)) ?? UNDECIDED;
  }

  /** Returns all decisions. */
  list(): readonly (TerminationDecision & { readonly worker: string })[] {
    return [...this.#decisions].map(([worker, decision]) => ({ worker, ...decision }));
  }
}
