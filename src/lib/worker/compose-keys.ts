import type { Config } from '../config/config.js';
import { readSigningKey, tightening } from '../features/chain-of-trust/signing-key.js';
import { readDecryptionKeys } from '../features/encrypted-env/private-keys.js';
import type { Logger } from '../log/logger.js';
import { isNotSetUp } from './not-set-up.js';
import type { IsUntouched } from './not-set-up.js';

/**
 * Tells the operator at the start, and not only when a task needs one, which keys of enabled features can't be used.
 * Never fails, and nothing waits for it: the features read their keys themselves, for each task, and other tasks need none.
 */
export async function reportUnusableKeys(config: Config, log: Logger, isUntouched: IsUntouched): Promise<void> {
  const { features, ed25519SigningKeyLocation, dockerWorkerPrivateKey } = config;
  if (features['chainOfTrust']?.enabled === true) {
    await readSigningKey(ed25519SigningKeyLocation, tightening(log)).catch((error: unknown) => {
      const setUp = { log, isUntouched, keys: [['ed25519SigningKeyLocation']] };
      if (!isNotSetUp(error, 'chainOfTrust', setUp)) log.warn('chain of trust key cannot be used', { error });
    });
  }
  if (features['encryptedEnv']?.enabled === true) {
    await readDecryptionKeys(dockerWorkerPrivateKey).catch((error: unknown) => {
      const setUp = { log, isUntouched, keys: [['dockerWorkerPrivateKey']] };
      if (!isNotSetUp(error, 'encryptedEnv', setUp)) log.warn('encrypted env key cannot be used', { error });
    });
  }
}
