import { randomInt } from 'node:crypto';
import { Random } from '../chaos/random.js';

/** Random numbers whose seed is printed; the environment variable SEED repeats them. */
export function seededRandom(): Random {
  const seed = process.env['SEED'] ?? String(randomInt(2 ** 31));
  process.stdout.write(`      SEED=${seed}\n`);
  return new Random(seed);
}
