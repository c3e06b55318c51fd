/** About 25 days: setTimeout fires at once for longer times. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Returns `ms`, capped to the longest time that setTimeout supports. */
export function timerMs(ms: number): number {
  return Math.min(ms, LONGEST_TIMER_MS);
}
