import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import type { PoolDefinition } from './pool-definition.js';
import { writePrivateFile } from './private-file.js';
import { makeDirectory } from '../../src/lib/util/make-directory.js';

/** What worker pools were before an update, and have become by it. */
export interface PoolBackup {
  readonly rootUrl: string;
  readonly made: string;
  readonly pools: readonly {
    readonly before: PoolDefinition;
    /** As worker-manager told of it after the update; not there for a pool that was not updated. */
    readonly after?: PoolDefinition;
  }[];
}

/** The file of a backup made at a time. */
export function backupFileIn(directory: string, now: Date): string {
  return join(directory, `worker-pools-${now.toISOString().replaceAll(':', '-')}.json`);
}

/** Configurations may hold secrets: only their owner may read the file. */
export async function writeBackup(directory: string, file: string, backup: PoolBackup): Promise<void> {
  await makeDirectory(directory, 0o700);
  await writePrivateFile(file, `${JSON.stringify(backup, null, 2)}\n`);
}

/** Throws a DeployError for what is no backup. */
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
