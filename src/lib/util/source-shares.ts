/** Counts what each source of connections holds, to find the one that holds the most. */
export class SourceShares<T> {
  /** Items oldest first; sources in order of arrival. */
  readonly #bySource = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `address` is an IP address; see `sourceOf`. */
  add(address: string, item: T): void {
    const source = sourceOf(address);
    const items = this.#bySource.get(source) ?? new Set();
    if (items.has(item)) return;
    this.#bySource.set(source, items.add(item));
    this.#size += 1;
  }

  /** Has no effect if the item is not there. */
  delete(address: string, item: T): void {
    const source = sourceOf(address);
    const items = this.#bySource.get(source);
    if (items) this.#remove(source, items, item);
  }

  /** Removes and returns the oldest item of the source that holds the most. */
  takeOldest(): T | undefined {
    return this.#takeFrom(this.#largest());
  }

  /**
   * Removes and returns what must make room for one more item of `address`: the oldest item of the source that holds
   * the most, if that is more than `address` would then hold. undefined: `address` already has its share.
   */
  takeFor(address: string): T | undefined {
    const largest = this.#largest();
    const own = this.#bySource.get(sourceOf(address))?.size ?? 0;
    return largest && largest[1].size > own + 1 ? this.#takeFrom(largest) : undefined;
  }

  /** Removes and returns the first matching item. */
  takeFirst(matches: (item: T) => boolean): T | undefined {
    for (const [source, items] of this.#bySource) {
      for (const item of items) {
        if (!matches(item)) continue;
        this.#remove(source, items, item);
        return item;
      }
    }
    return undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const items of this.#bySource.values()) yield* items;
  }

  #largest(): readonly [source: string, items: Set<T>] | undefined {
    let largest: readonly [string, Set<T>] | undefined;
    for (const share of this.#bySource) if (!largest || share[1].size > largest[1].size) largest = share;
    return largest;
  }

  #takeFrom(share: readonly [source: string, items: Set<T>] | undefined): T | undefined {
    if (!share) return undefined;
    const [source, items] = share;
    const [oldest] = items;
    if (oldest !== undefined) this.#remove(source, items, oldest);
    return oldest;
  }

  #remove(source: string, items: Set<T>, item: T): void {
    if (!items.delete(item)) return;
    this.#size -= 1;
    if (items.size === 0) this.#bySource.delete(source);
  }
}

const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** Returns the source of an address: itself, or its /64 network for IPv6, which one machine can own entirely. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.replace(/%.*/, '').split('::');
  const [first, last] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [string[], string[]];
  const zeros = Array<string>(Math.max(0, GROUPS - first.length - last.length)).fill('0');
  return [...first, ...zeros, ...last].slice(0, NETWORK_GROUPS).join(':');
}
