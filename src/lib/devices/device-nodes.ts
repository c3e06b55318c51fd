import { readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { DeviceMapping } from '../docker/engine.js';

/** The numbers in the names of a directory that look like `<prefix><number>`, ascending; none without the directory. */
export async function numbersAfter(prefix: string, directory: string): Promise<readonly number[]> {
  const names = await orWhenMissing(readdir(directory), []);
  return names
    .filter((name) => name.startsWith(prefix) && /^(0|[1-9]\d*)$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** Whether all of these are device nodes; docker takes nothing else for a device. */
export async function areDeviceNodes(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map(statOf));
  return found.every((stats) => stats?.isCharacterDevice() ?? false);
}

export async function isDirectory(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() ?? false;
}

/** A node below the base directory, which a container sees below /dev, wherever it is on this machine. */
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
