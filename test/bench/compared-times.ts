import { judged } from './bench-result.js';
import type { BenchResult } from './bench-result.js';
import { spreadOf } from './spread.js';
import type { Turn } from './taking-turns.js';

export interface Comparison extends Pick<BenchResult, 'name' | 'target' | 'better' | 'detail'> {
  /** What each side's time is the time of. */
  readonly labels: Turn<string, string>;
  readonly isSound?: boolean;
}

/**
 * The result of timing, in ms, how both sides do the same work: the worker's time as a share of the other's (`lower` is
 * better), or its speed as a share of the other's (`higher` is).
 */
export function comparedTimes(turns: readonly Turn<number, number>[], comparison: Comparison): BenchResult {
  const { labels, detail, ...verdict } = comparison;
  const ratioOf = (workerMs: number, bareMs: number): number =>
    verdict.better === 'lower' ? workerMs / bareMs : bareMs / workerMs;
  const worker = spreadOf(turns.map((turn) => turn.worker));
  const bare = spreadOf(turns.map((turn) => turn.bare));
  return judged({
    ...verdict,
    ratio: ratioOf(worker.medianMs, bare.medianMs),
    ratioByRound: turns.map((turn) => ratioOf(turn.worker, turn.bare)),
    detail: { [labels.worker]: worker, [labels.bare]: bare, ...detail },
  });
}
