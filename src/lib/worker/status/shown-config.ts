import type { LoadedConfig } from '../../config/load-config.js';
import { printConfig } from '../../config/print-config.js';
import { Redactor } from '../../log/redactor.js';

/** Characters; a configuration has some thousand. */
const LONGEST = 256 * 1024;

/**
 * Returns the configuration as `printConfig` does, for more readers than the operator: what is known as a secret is
 * masked wherever it stands, also within other values.
 */
export function shownConfig(loaded: Pick<LoadedConfig, 'config' | 'isSecret' | 'secrets'>): string {
  return new Redactor(loaded.secrets).cleanText(printConfig(loaded), LONGEST);
}
