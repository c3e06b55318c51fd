import { constants, open, rename, rm } from 'node:fs/promises';

/** Suffix of a file that is being written and is not yet renamed into place. */
export const UNFINISHED = '.next';

/** Returns the text of a regular file; undefined if it does not exist. Refuses to follow a link. */
export async function readStateFile(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a file that only its owner can read, atomically: a reader finds the old or the new text, never a mix. When that
 * fails, as on a full disk, nothing is left of it.
 */
export async function replaceStateFile(path: string, text: string): Promise<void> {
  const next = path + UNFINISHED;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const file = await open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(next, path);
  } catch (error) {
    // What could not be written is the error to tell of.
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}
