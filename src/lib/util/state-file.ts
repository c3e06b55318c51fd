import { constants, open, rename, rm } from 'node:fs/promises';

/** What the name of a half-written file ends in. */
export const UNFINISHED = '.next';

/** The text of a state file; undefined when there is none. Not through a link that somebody laid (ELOOP). */
export async function readStateFile(path: string): Promise<string | undefined> {
  // O_NONBLOCK: a FIFO in its place must not hold the worker up.
  const file = await openIfThere(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!file) return undefined;
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Replaces a state file as a whole: a reader finds the old or the new text, never half of one. For its owner alone
 * (0600). Without fsync: what must outlast a machine that dies does not belong here. One call at a time for each path.
 */
export async function replaceStateFile(path: string, text: string): Promise<void> {
  const next = path + UNFINISHED;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const file = await open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(next, path);
}

/** Removes a state file, with what a write left that failed half-way. Harmless when there is none. */
export async function removeStateFile(path: string): Promise<void> {
  await rm(path + UNFINISHED, { force: true });
  await rm(path, { force: true });
}

async function openIfThere(path: string, flags: number) {
  try {
    return await open(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
