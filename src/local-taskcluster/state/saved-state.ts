import { Schema } from '../http/schema.js';
import type { IndexedTask } from '../index/index-table.js';
import type { SavedObject } from '../object/object-table.js';
import type { SavedContent } from '../object-store/object-store.js';
import type { SavedArtifact } from '../queue/artifact-table.js';
import type { SavedQueue } from '../queue/queue.js';
import { POST_ARTIFACT_REQUESTS } from '../schemas/artifact-schemas.js';
import { objectOf } from '../schemas/define.js';
import { HASHES } from '../schemas/object-schemas.js';
import { RUN } from '../schemas/status-schemas.js';
import { DATE_TIME, SLUGID, TASK } from '../schemas/task-schemas.js';

const VERSION = 1;

/** What a server leaves to the next one over the same directory, as JSON. There are no credentials or secrets in it. */
export interface LocalTaskclusterState {
  readonly version: typeof VERSION;
  readonly queue: SavedQueue;
  readonly artifacts: readonly SavedArtifact[];
  /** The objects of the object service. */
  readonly objects: readonly SavedObject[];
  /** The files in the directory of the objects. */
  readonly contents: readonly SavedContent[];
  readonly index: readonly IndexedTask[];
}

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const COUNT = { type: 'integer', minimum: 0 } as const;
const listOf = (items: object): object => ({ type: 'array', items });

const SAVED_TASK = objectOf({
  taskId: SLUGID,
  definition: TASK,
  wasResolved: FLAG,
  retriesLeft: COUNT,
  runs: listOf(RUN),
  waitsFor: listOf(SLUGID),
});

const SAVED_ARTIFACT = objectOf(
  {
    ...{ taskId: SLUGID, runId: COUNT, name: TEXT, storageType: TEXT, contentType: TEXT, contentLength: COUNT },
    ...{ expires: DATE_TIME, uploadId: SLUGID, isPresent: FLAG },
    request: POST_ARTIFACT_REQUESTS.taken.definition,
  },
  ['contentLength', 'uploadId'],
);

const SAVED_OBJECT = objectOf({
  ...{ name: TEXT, projectId: TEXT, uploadId: TEXT, expires: DATE_TIME, opened: DATE_TIME },
  ...{ isFinished: FLAG, hashes: HASHES },
});

const SAVED_CONTENT = objectOf(
  {
    ...{ key: TEXT, contentType: TEXT, contentEncoding: TEXT, size: COUNT, etag: TEXT, modified: DATE_TIME },
    // A name, which can't lead out of the directory.
    file: { type: 'string', pattern: '^[0-9a-f]{64}\\.[0-9a-f-]{36}$' },
  },
  ['contentEncoding'],
);

const INDEXED = objectOf({
  ...{ namespace: TEXT, taskId: SLUGID, rank: { type: 'number' }, data: { type: 'object' }, expires: DATE_TIME },
});

const STATE = new Schema<LocalTaskclusterState>(
  'State',
  objectOf({
    version: { const: VERSION },
    queue: objectOf({
      tasks: listOf(SAVED_TASK),
      sealedGroups: listOf(objectOf({ taskGroupId: SLUGID, sealed: DATE_TIME })),
    }),
    artifacts: listOf(SAVED_ARTIFACT),
    objects: listOf(SAVED_OBJECT),
    contents: listOf(SAVED_CONTENT),
    index: listOf(INDEXED),
  }),
);

const MOST_PROBLEMS = 3;

/** Throws an Error that says what is wrong unless the value is a state that this version can read. */
export function checkState(value: unknown): LocalTaskclusterState {
  const { version } = Object(value) as { readonly version?: unknown };
  if (typeof version === 'number' && version !== VERSION) {
    throw new Error(`the saved state has the format ${version}, but this version reads only format ${VERSION}`);
  }
  // A copy, because the check fills in defaults and the tables keep what they get.
  const checked = STATE.check(structuredClone(value));
  const problems = 'problems' in checked ? checked.problems : contradictions(checked.value);
  if (problems.length > 0) {
    throw new Error(`the saved state is damaged: ${problems.slice(0, MOST_PROBLEMS).join('; ')}`);
  }
  return (checked as { readonly value: LocalTaskclusterState }).value;
}

/** Returns what the schema does not notice. */
function contradictions({ queue, artifacts }: LocalTaskclusterState): readonly string[] {
  const runs = new Set<string>();
  const problems: string[] = [];
  for (const task of queue.tasks) {
    if (task.runs.some(({ runId }, index) => runId !== index)) problems.push(`runs of task ${task.taskId} are missing`);
    for (const { runId } of task.runs) runs.add(`${task.taskId}/${runId}`);
  }
  const groups = new Set(queue.tasks.map(({ definition }) => definition.taskGroupId));
  const strays = queue.sealedGroups.filter(({ taskGroupId }) => !groups.has(taskGroupId));
  problems.push(...strays.map(({ taskGroupId }) => `the sealed group ${taskGroupId} has no tasks`));
  const orphans = artifacts.filter(({ taskId, runId }) => !runs.has(`${taskId}/${runId}`));
  problems.push(...orphans.map(({ taskId, runId }) => `there are artifacts of run ${runId} of task ${taskId} only`));
  return problems;
}
