import type { LocalTaskclusterState } from '../../local-taskcluster/server.js';
import type { JsonObject } from '../model.js';

/** Returns a copy of a value with all dates in it, at known places, later by the same time. */
type Shift = <T>(value: T) => T;

const TIMES_OF_TASK = ['created', 'deadline', 'expires'];

/**
 * Returns the state of an earlier run as if that had begun now: everything gets the time again that it had then, and
 * the distances between times stay. Otherwise tasks of yesterday would be past their deadlines.
 */
export function stateFrom(state: LocalTaskclusterState, now: Date): LocalTaskclusterState {
  const { queue, artifacts, objects, index } = state;
  const { shift, ofTask } = shifts(
    queue.tasks.map(({ definition }) => definition),
    now,
  );
  const later = <T extends { readonly expires: string }>(each: T): T => ({ ...each, expires: shift(each.expires) });
  return {
    ...state,
    queue: { ...queue, tasks: queue.tasks.map((task) => ({ ...task, definition: ofTask(task.definition) })) },
    artifacts: artifacts.map((artifact) => ({ ...later(artifact), request: later(artifact.request) })),
    objects: objects.map(later),
    index: index.map(later),
  };
}

/** Returns definitions of tasks as if they had been made now. */
export function tasksFrom(tasks: readonly JsonObject[], now: Date): readonly JsonObject[] {
  const { ofTask } = shifts(tasks, now);
  return tasks.map(ofTask);
}

function shifts(tasks: readonly object[], now: Date): { readonly shift: Shift; readonly ofTask: Shift } {
  const created = tasks
    .map((task) => Date.parse(String((task as JsonObject)['created'])))
    .filter((ms) => !Number.isNaN(ms));
  const byMs = created.length === 0 ? 0 : Math.max(0, now.getTime() - Math.min(...created));
  const shift: Shift = (value) => {
    const ms = typeof value === 'string' ? Date.parse(value) : NaN;
    return Number.isNaN(ms) ? value : (new Date(ms + byMs).toJSON() as typeof value);
  };
  const ofTask: Shift = (task) => {
    const times = changed(task as JsonObject, TIMES_OF_TASK, shift);
    return changed(times, ['payload'], (payload) => withLaterArtifacts(payload, shift)) as typeof task;
  };
  return { shift, ofTask };
}

/** Artifacts expire with their task at the latest, or earlier if the payload says so. */
function withLaterArtifacts(payload: unknown, shift: Shift): unknown {
  if (!isObject(payload)) return payload;
  return changed(payload, ['artifacts'], (artifacts) =>
    isObject(artifacts)
      ? changed(artifacts, Object.keys(artifacts), (artifact) =>
          isObject(artifact) ? changed(artifact, ['expires'], shift) : artifact,
        )
      : artifacts,
  );
}

/** Returns the object with those of the keys changed that it has. */
function changed(object: JsonObject, keys: readonly string[], change: (value: unknown) => unknown): JsonObject {
  const present = keys.filter((key) => Object.hasOwn(object, key));
  return { ...object, ...Object.fromEntries(present.map((key) => [key, change(object[key])])) };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
