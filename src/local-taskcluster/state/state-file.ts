import { join } from 'node:path';
import { errorMessage } from '../../lib/util/error-message.js';
import { makeDirectory } from '../../lib/util/make-directory.js';
import { readStateFile, replaceStateFile } from '../../lib/util/state-file.js';
import { checkState } from './saved-state.js';
import type { LocalTaskclusterState } from './saved-state.js';

/** Returns the state in a data directory; undefined if there is none. Rejects with an Error that names the file. */
export async function readState(dataDir: string): Promise<LocalTaskclusterState | undefined> {
  const path = pathIn(dataDir);
  try {
    const text = await readStateFile(path);
    return text === undefined ? undefined : checkState(JSON.parse(text));
  } catch (error) {
    const advice = 'remove the file to start without the tasks of earlier times';
    throw new Error(`${path} can't be used: ${errorMessage(error)} (${advice})`, { cause: error });
  }
}

/** Writes the state into a data directory, readable only by this user. */
export async function writeState(dataDir: string, state: LocalTaskclusterState): Promise<void> {
  await makeDirectory(dataDir);
  await replaceStateFile(pathIn(dataDir), JSON.stringify(state));
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'state.json');
}
