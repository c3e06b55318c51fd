import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import type { PoolDefinition } from './pool-definition.js';
import { writePrivateFile } from './private-file.js';
import { makeDirectory } from '../../src/lib/util/make-directory.js';

/** Worker pools before and after an update. */
export interface PoolBackup {
  readonly rootUrl: string;
  readonly made: string;
  readonly pools: readonly {
    readonly before: PoolDefinition;
    /** worker-manager's answer after the update; missing for a pool that was not updated. */
    readonly after?: PoolDefinition;
  }[];
}

/** Returns the file of a backup made at that time. */
export function backupFileIn(directory: string, now: Date): string {
  return join(directory, `worker-pools-${now.toISOString().replaceAll(':', '-')}.json`);
}

/** Writes the backup. Only its owner may read it, as configurations may hold secrets. */
export async function writeBackup(directory: string, file: string, backup: PoolBackup): Promise<void> {
  await makeDirectory(directory, 0o700);
  await writePrivateFile(file, `${JSON.stringify(backup, null, 2)}\n`);
}

/** Reads a backup. Throws a DeployError for a file that is not one. */
export async function readBackup(file: string): Promise<PoolBackup> {
  let backup: Partial<PoolBackup>;
  try {
    backup = JSON.parse(await readFile(file, 'utf8')) as Partial<PoolBackup>;
  } catch (error) {
    throw new DeployError(`The backup ${file} could not be read as JSON.`, { cause: error });
  }
  if (typeof backup.rootUrl === 'string' && Array.isArray(backup.pools)) return backup as PoolBackup;
  throw new DeployError(`${file} is not a backup that deploy/bin/update-worker-types wrote.`);
}
