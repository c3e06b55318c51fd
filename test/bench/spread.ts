/** What a series of measurements comes to, in milliseconds. */
export interface Spread {
  readonly medianMs: number;
  readonly p10Ms: number;
  readonly p90Ms: number;
  readonly samples: number;
}

/** Fails without samples: a bench that measured nothing has no result. */
export function spreadOf(samplesMs: readonly number[]): Spread {
  if (samplesMs.length === 0) throw new Error('nothing was measured');
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (share: number): number => rounded(quantile(sorted, share));
  return { medianMs: at(0.5), p10Ms: at(0.1), p90Ms: at(0.9), samples: sorted.length };
}

/** Of whatever unit. Fails without samples. */
export function medianOf(samples: readonly number[]): number {
  if (samples.length === 0) throw new Error('nothing was measured');
  return quantile(
    [...samples].sort((a, b) => a - b),
    0.5,
  );
}

/** Interpolated between neighbours, so that the median of two samples is their middle. */
function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? 0;
  return below + (above - below) * (position - Math.floor(position));
}

function rounded(valueMs: number): number {
  return Math.round(valueMs * 100) / 100;
}
