import type { GrowingNumbers } from './growing-numbers.js';

/**
 * Returns the place in an ascending list of the next number above `line`, or the previous one below it; beyond either
 * end it begins at the other. Undefined for an empty list.
 */
export function neighbour(list: GrowingNumbers, line: number, direction: 'next' | 'previous'): number | undefined {
  if (list.length === 0) return undefined;
  if (direction === 'next') return list.countBelow(line + 1) % list.length;
  return (list.countBelow(line) - 1 + list.length) % list.length;
}
