import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { listTaskGroup } from '../api/queue.js';
import type { GroupTask } from '../api/types.js';
import { asError } from './use-loaded.js';
import { useTaskEvents, useThrottled } from './use-task-events.js';
import type { TaskEvent } from './use-task-events.js';

const RELOAD_MS = 300;

export interface LiveGroup {
  /** By task id, in the order of their creation; undefined until they are loaded. */
  readonly tasks: ReadonlyMap<string, GroupTask> | undefined;
  /** Changes when tasks were added: dependencies never change. */
  readonly structureVersion: number;
  readonly error: Error | undefined;
}

/** Returns the tasks of a group as they change. */
export function useGroup(taskGroupId: string): LiveGroup {
  const [group, setGroup] = useState<LiveGroup>({ tasks: undefined, structureVersion: 0, error: undefined });
  const abort = useRef(new AbortController());
  const load = useCallback(() => {
    abort.current.abort();
    abort.current = new AbortController();
    const { signal } = abort.current;
    listTaskGroup(taskGroupId, signal).then(
      (tasks) => {
        if (!signal.aborted) setGroup((old) => withTasks(old, tasks));
      },
      (error: unknown) => {
        if (!signal.aborted) setGroup((old) => ({ ...old, error: asError(error) }));
      },
    );
  }, [taskGroupId]);
  useEffect(
    () => () => {
      abort.current.abort();
    },
    [],
  );
  const reload = useThrottled(load, RELOAD_MS);
  const known = useRef(group.tasks);
  known.current = group.tasks;
  useTaskEvents(`taskGroupId=${taskGroupId}`, {
    onOpen: load,
    onChanges: (events) => {
      // An event has no definition: a new task needs the list.
      if (events.some(({ taskId }) => known.current?.has(taskId) === false)) reload();
      setGroup((old) => withChanges(old, events));
    },
  });
  return group;
}

function withTasks(old: LiveGroup, list: readonly GroupTask[]): LiveGroup {
  const sorted = [...list].sort((one, other) => (one.task.created < other.task.created ? -1 : 1));
  const tasks = new Map(sorted.map((task) => [task.status.taskId, task]));
  const isSame = old.tasks?.size === tasks.size;
  return { tasks, structureVersion: old.structureVersion + (isSame ? 0 : 1), error: undefined };
}

function withChanges(old: LiveGroup, events: readonly TaskEvent[]): LiveGroup {
  if (!old.tasks) return old;
  const tasks = new Map(old.tasks);
  for (const { taskId, status } of events) {
    const task = tasks.get(taskId);
    if (task) tasks.set(taskId, { ...task, status });
  }
  return { ...old, tasks };
}
