import type { BenchOptions } from './bench-result.js';

export interface Turn<W, B> {
  readonly worker: W;
  readonly bare: B;
}

export interface Sides<W, B> {
  readonly worker: () => Promise<W>;
  readonly bare: () => Promise<B>;
}

/** Each side goes first as often as the other, so that a machine that slows down or speeds up favours none. */
export async function takingTurns<W, B>(
  name: string,
  { rounds, progress }: BenchOptions,
  { worker, bare }: Sides<W, B>,
): Promise<readonly Turn<W, B>[]> {
  const turns: Turn<W, B>[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    if (round % 2 === 0) {
      const first = await bare();
      turns.push({ worker: await worker(), bare: first });
    } else {
      const first = await worker();
      turns.push({ worker: first, bare: await bare() });
    }
    progress(`${name}: round ${round} of ${rounds}`);
  }
  return turns;
}
