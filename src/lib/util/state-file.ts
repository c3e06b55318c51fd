import { constants, open, rename } from 'node:fs/promises';

/** How the name of a file ends that is being written and was not put in its place yet. */
export const UNFINISHED = '.next';

/** The text of a regular file; undefined when there is none. A link in its place is not followed but refused. */
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

/** Writes it for its owner alone, and atomically: a reader finds the old or the new text, never half of one. */
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
