/** Collects items and hands them over together: once for each frame of the screen, however many come. */
export class FrameBatch<Item> {
  readonly #apply: (items: readonly Item[]) => void;
  readonly #schedule: (run: () => void) => void;
  #items: Item[] = [];
  #isScheduled = false;

  constructor(apply: (items: readonly Item[]) => void, schedule: (run: () => void) => void) {
    this.#apply = apply;
    this.#schedule = schedule;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      const items = this.#items;
      this.#items = [];
      if (items.length > 0) this.#apply(items);
    });
  }

  /** Forgets the items that were not handed over yet. */
  clear(): void {
    this.#items = [];
  }
}
