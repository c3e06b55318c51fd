import type { Context } from 'mocha';

/**
 * Skips the running test, or, from a `before` hook, all tests of its suite. The reason is kept where the CI's reporter
 * finds it: there a skipped test without a reason counts as failed.
 */
export function skipBecause(context: Context, reason: string): never {
  const runnable = context.runnable();
  const skipped = 'type' in runnable && runnable.type === 'hook' ? runnable.parent : runnable;
  Object.assign(skipped ?? runnable, { skipReason: reason });
  return context.skip();
}
