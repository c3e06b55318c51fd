import type { ConfigPath } from '../config/layers.js';
import type { Logger } from '../log/logger.js';
import { causesOf } from '../util/causes-of.js';
import { errorMessage } from '../util/error-message.js';

/** Whether a key has the value that comes with the worker: whoever runs the worker has not set up what it is for. */
export type IsUntouched = (key: ConfigPath) => boolean;

/**
 * Whether `error` is only that a file is not there which nobody has said should be: no reason to alarm whoever tries the
 * worker on a machine of their own. The log has a line about it.
 */
export function isNotSetUp(error: unknown, feature: string, { log, isUntouched, keys }: SetUp): boolean {
  if (!isMissingFile(error) || !keys.every(isUntouched)) return false;
  log.info('feature not set up', { feature, reason: errorMessage(error) });
  return true;
}

/** How a feature is set up. */
export interface SetUp {
  readonly log: Logger;
  readonly isUntouched: IsUntouched;
  /** Those that name its files. */
  readonly keys: readonly ConfigPath[];
}

function isMissingFile(error: unknown): boolean {
  return [...causesOf(error)].some((cause) => (cause as NodeJS.ErrnoException).code === 'ENOENT');
}
