import { setTimeout } from 'node:timers/promises';
import { ConfigError } from '../../src/lib/config/config-error.js';
import { StateLock } from '../../src/lib/worker/state-lock.js';

/** What the parent process tells a contender to do. */
export type Order = { readonly acquire: string; readonly delayMs: number } | 'release';
export type Answer = 'held' | 'refused' | 'released' | 'ready';

let lock: StateLock | undefined;

async function obey(order: Order): Promise<Answer> {
  if (order === 'release') {
    await lock?.release();
    return 'released';
  }
  await setTimeout(order.delayMs);
  try {
    lock = await StateLock.acquire(order.acquire);
    return 'held';
  } catch (error) {
    if (error instanceof ConfigError) return 'refused';
    throw error;
  }
}

process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.send?.('ready' satisfies Answer);
