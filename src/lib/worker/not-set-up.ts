import type { ConfigPath } from '../config/layers.js';
import type { Logger } from '../log/logger.js';
import { causesOf } from '../util/causes-of.js';
import { errorMessage } from '../util/error-message.js';

/** Tells whether a key still has its default value: the operator has not set up what it is for. */
export type IsUntouched = (key: ConfigPath) => boolean;

/**
 * Tells whether `error` only means that a file is missing which the operator never configured. That is no cause for
 * alarm when the worker is tried on a personal machine, so it logs only an info line.
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
  /** The keys that name its files. */
  readonly keys: readonly ConfigPath[];
}

function isMissingFile(error: unknown): boolean {
  return [...causesOf(error)].some((cause) => (cause as NodeJS.ErrnoException).code === 'ENOENT');
}
