import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A directory with these files, of these modes. */
export async function displayTools(modes: Readonly<Record<string, number>>): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'display-tools-')));
  made.push(directory);
  for (const [name, mode] of Object.entries(modes)) {
    await writeFile(join(directory, name), '');
    await chmod(join(directory, name), mode);
  }
  return directory;
}

/** Removes all directories that were made. */
export async function removeDisplayTools(): Promise<void> {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true });
}
