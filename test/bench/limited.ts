import { judged } from './bench-result.js';
import type { BenchResult } from './bench-result.js';
import { medianOf } from './spread.js';

interface Limit {
  readonly limit: number;
  readonly unit: string;
  readonly how: string;
}

/** The result of figures that have a limit of their own: the ratio is their median's share of that. */
export function limited(name: string, figures: readonly number[], { limit, unit, how }: Limit): BenchResult {
  const median = medianOf(figures);
  return judged({
    name,
    ratio: median / limit,
    target: 1,
    better: 'lower',
    ratioByRound: figures.map((figure) => figure / limit),
    detail: {
      median: `${median.toFixed(2)} ${unit}, limit ${limit} ${unit}`,
      'each round': figures.map((figure) => figure.toFixed(2)).join(' '),
      how,
    },
  });
}
