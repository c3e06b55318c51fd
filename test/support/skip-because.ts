import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
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

/** Skips, in the same way, where one of these programs is not on the PATH. `./build.sh` installs all that tests use. */
export function needsPrograms(context: Context, ...names: readonly string[]): void {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = names.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length > 0) skipBecause(context, `not on the PATH: ${missing.join(', ')}`);
}
