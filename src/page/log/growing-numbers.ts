const BLOCK_LENGTH = 1 << 16;

/** A list of numbers below 2^32 that grows at its end, in typed arrays: 4 bytes each, and nothing is copied. */
export class GrowingNumbers {
  readonly #blocks: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const inBlock = this.#length % BLOCK_LENGTH;
    if (inBlock === 0) this.#blocks.push(new Uint32Array(BLOCK_LENGTH));
    const block = this.#blocks.at(-1);
    if (block) block[inBlock] = value;
    this.#length++;
  }

  /** Returns 0 outside of the list. */
  at(index: number): number {
    return index < this.#length ? (this.#blocks[Math.floor(index / BLOCK_LENGTH)]?.[index % BLOCK_LENGTH] ?? 0) : 0;
  }

  /** Returns how many numbers are less than `value`. The list must be in ascending order. */
  countBelow(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
