import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeDirectory } from '../../lib/util/make-directory.js';
import { CiInputError } from '../model.js';

const KEPT_RUNS = 3;
const HASH_DIGITS = 8;
const NAME_LENGTH = 40;
/** What a run keeps at its end; without it, it has not ended. */
export const RECORD = 'record.json';
/** `2026-11-30T22-10-05.123-1a2b`: in the order of time, in that of the alphabet. */
const RUN_FOLDER = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}-[0-9a-f]{4}$/;
const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Returns the folder for what is kept of the runs of the checkout in this directory. */
export function runFolders(
  checkoutDirectory: string,
  {
    env,
    homeDirectory,
  }: { readonly env: Readonly<Record<string, string | undefined>>; readonly homeDirectory: string },
): string {
  const given = env['XDG_STATE_HOME'];
  const state = given?.startsWith('/') === true ? given : join(homeDirectory, '.local', 'state');
  const name = basename(checkoutDirectory)
    .replaceAll(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, NAME_LENGTH);
  const hash = createHash('sha256').update(checkoutDirectory).digest('hex').slice(0, HASH_DIGITS);
  return join(state, 'local-ci', `${name}-${hash}`);
}

/** Makes the folder of a new run, and removes those of all but the last runs. It holds artifacts: for the user alone. */
export async function newRunFolder(folders: string, now: Date): Promise<string> {
  await makeDirectory(folders, 0o700);
  for (const old of await outdated(folders, now)) await rm(join(folders, old), { recursive: true, force: true });
  const time = now.toISOString().replaceAll(':', '-').slice(0, -1);
  const folder = join(folders, `${time}-${randomBytes(2).toString('hex')}`);
  await makeDirectory(folder, 0o700);
  return folder;
}

/** Returns the folder of the last run that has ended. Throws a CiInputError when there is none. */
export async function lastRunFolder(folders: string): Promise<string> {
  const last = (await runsIn(folders)).findLast((name) => existsSync(join(folders, name, RECORD)));
  if (last !== undefined) return join(folders, last);
  throw new CiInputError('--rerun: nothing is known of an earlier run of this checkout: run it without --rerun first');
}

/** Runs that have not ended, and may still go on, are kept for a week. */
async function outdated(folders: string, now: Date): Promise<readonly string[]> {
  const runs = await runsIn(folders);
  const ended = runs.filter((name) => existsSync(join(folders, name, RECORD)));
  const unfinished = runs.filter((name) => !ended.includes(name));
  const limit = new Date(now.getTime() - WEEK_MS).toISOString().replaceAll(':', '-');
  return [...ended.slice(0, Math.max(0, ended.length - (KEPT_RUNS - 1))), ...unfinished.filter((name) => name < limit)];
}

async function runsIn(folders: string): Promise<readonly string[]> {
  try {
    return (await readdir(folders)).filter((name) => RUN_FOLDER.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
