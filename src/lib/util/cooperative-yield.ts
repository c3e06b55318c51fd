import { setImmediate } from 'node:timers/promises';

/**
 * Gives the event loop a turn during long work that never waits: awaits of what is there already resolve as microtasks,
 * which all run before any timer or socket does.
 */
export class CooperativeYield {
  readonly #unitsPerTurn: number;
  readonly #turn: () => Promise<unknown>;
  #units = 0;

  /** `unitsPerTurn`: how much work may be done at a stretch, in whatever unit the caller counts. */
  constructor(unitsPerTurn: number, turn: () => Promise<unknown> = setImmediate) {
    this.#unitsPerTurn = unitsPerTurn;
    this.#turn = turn;
  }

  /** To be called after `units` of work. */
  async after(units: number): Promise<void> {
    this.#units += units;
    if (this.#units < this.#unitsPerTurn) return;
    this.#units = 0;
    await this.#turn();
  }
}
