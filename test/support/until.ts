import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface UntilOptions<T> {
  /** Whether a value ends the wait. Without it, any truthy value does. */
  readonly isDone?: (value: T) => boolean;
  /** A minute when not given: for what takes a moment on a quiet machine. */
  readonly timeoutMs?: number;
  /** Pause between two looks. 0 looks again in the next turn of the event loop, which fake timers don't stop. */
  readonly pollMs?: number;
}

/**
 * Looks again and again until the value ends the wait, and returns that value. What `look` throws is passed on. Fails
 * after `timeoutMs`, with `what` was waited for and the last value.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { isDone = Boolean, timeoutMs = 60_000, pollMs = 10 }: UntilOptions<T> = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (isDone(value)) return value;
    if (performance.now() >= deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}; last value: ${inspect(value, { depth: 4 })}`);
    }
    await (pollMs === 0 ? nextTurn() : delay(pollMs));
  }
}
