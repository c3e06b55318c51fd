import { setImmediate } from 'node:timers/promises';

/**
 * Yields to the event loop during long work that never blocks: awaiting resolved promises only queues microtasks, which
 * all run before any timer or socket.
 */
export class CooperativeYield {
  readonly #unitsPerTurn: number;
  readonly #turn: () => Promise<unknown>;
  #units = 0;

  /** `unitsPerTurn`: how much work may be done between yields, in any unit that the caller counts. */
  constructor(unitsPerTurn: number, turn: () => Promise<unknown> = setImmediate) {
    this.#unitsPerTurn = unitsPerTurn;
    this.#turn = turn;
  }

  /** Call it after `units` of work. */
  async after(units: number): Promise<void> {
    this.#units += units;
    if (this.#units < this.#unitsPerTurn) return;
    this.#units = 0;
    await this.#turn();
  }
}
