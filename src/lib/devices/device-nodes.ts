import { readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { DeviceMapping } from '../docker/engine.js';

/** Returns the numbers of a directory's entries named `<prefix><number>`, ascending; none if there is no directory. */
export async function numbersAfter(prefix: string, directory: string): Promise<readonly number[]> {
  const names = await orWhenMissing(readdir(directory), []);
  return names
    .filter((name) => name.startsWith(prefix) && /^(0|[1-9]\d*)$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** Returns whether all of these are device nodes; docker accepts only those as devices. */
export async function areDeviceNodes(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map(statOf));
  return found.every((stats) => stats?.isCharacterDevice() ?? false);
}

export async function isDirectory(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() ?? false;
}

/** Maps a node below the base directory to the same name below /dev in the container. */
export function nodeMapping(baseDirectory: string, name: string): DeviceMapping {
  return { pathOnHost: join(baseDirectory, name), pathInContainer: join('/dev', name), permissions: 'rwm' };
}

async function statOf(path: string): Promise<Stats | undefined> {
  return await orWhenMissing<Stats | undefined>(stat(path), undefined);
}

async function orWhenMissing<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return otherwise;
    throw error;
  }
}
