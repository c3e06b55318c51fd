import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { errorMessage } from '../util/error-message.js';
import { makeDirectory } from '../util/make-directory.js';

/** Creates the directory if needed. Throws a ConfigError that names `key` if it can't be created or written to. */
export async function ensureWritableDirectory(key: string, directory: string): Promise<void> {
  try {
    await makeDirectory(resolve(directory), 0o700);
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError([`${key}: ${directory} cannot be used: ${errorMessage(error)}`], { cause: error });
  }
}
