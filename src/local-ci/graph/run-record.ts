import { join } from 'node:path';
import { errorMessage } from '../../lib/util/error-message.js';
import { readStateFile, replaceStateFile } from '../../lib/util/state-file.js';
import type { LocalTaskcluster, LocalTaskclusterState } from '../../local-taskcluster/server.js';
import { CiInputError } from '../model.js';
import type { RenderedGraph } from '../model.js';
import type { LocalRole } from './local-roles.js';
import type { Selection } from './selection.js';
import type { RunFacts } from './task-result.js';

/** What is kept of a run, so that it can be run again. It holds no secrets. */
export interface RunRecord {
  readonly version: typeof VERSION;
  readonly graph: RenderedGraph;
  readonly selection: Selection;
  readonly roles: readonly LocalRole[];
  /** By task id. */
  readonly facts: Readonly<Record<string, RunFacts>>;
  readonly state: LocalTaskclusterState;
}

interface Kept extends Omit<RunRecord, 'version' | 'state'> {
  readonly taskcluster: Pick<LocalTaskcluster, 'saveState'>;
}

const VERSION = 1;

/** Keeps the record of a run, of which nothing runs any more, in its directory. */
export async function keepRecord(directory: string, { taskcluster, ...kept }: Kept): Promise<void> {
  const record: RunRecord = { version: VERSION, ...kept, state: taskcluster.saveState() };
  await replaceStateFile(recordPath(directory), JSON.stringify(record));
}

/** Reads the record of the run in this directory. Throws CiInputError if there is none that can be used. */
export async function readRecord(directory: string): Promise<RunRecord> {
  const path = recordPath(directory);
  const advice = 'Run local-ci without --rerun.';
  const text = await readStateFile(path);
  if (text === undefined) throw new CiInputError(`There is no run to repeat: ${path} is missing. ${advice}`);
  const record = parsed(text, path, advice);
  const { version } = record as { readonly version?: unknown };
  if (version !== VERSION) throw new CiInputError(`${path} was written by another version of local-ci. ${advice}`);
  return record as RunRecord;
}

function parsed(text: string, path: string, advice: string): object {
  try {
    return Object(JSON.parse(text)) as object;
  } catch (error) {
    throw new CiInputError(`The record of the last run is damaged: ${path}: ${errorMessage(error)}. ${advice}`);
  }
}

function recordPath(directory: string): string {
  return join(directory, 'record.json');
}
