import { useEffect, useState } from 'preact/hooks';
import { getDefinition, getStatus } from '../api/queue.js';
import type { Definition, TaskStatus } from '../api/types.js';
import { asError } from './use-loaded.js';
import { useTaskEvents } from './use-task-events.js';

export interface LiveTask {
  readonly definition: Definition | undefined;
  readonly status: TaskStatus | undefined;
  readonly error: Error | undefined;
  /** Shows a status that an action answered with, without waiting for its event. */
  readonly setStatus: (status: TaskStatus) => void;
}

/** Returns a task as it changes. */
export function useTask(taskId: string): LiveTask {
  const [definition, setDefinition] = useState<Definition>();
  const [status, setStatus] = useState<TaskStatus>();
  const [error, setError] = useState<Error>();
  const fail = (failure: unknown): void => {
    setError(asError(failure));
  };
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const failUnlessStopped = (failure: unknown): void => {
      if (!signal.aborted) fail(failure);
    };
    getDefinition(taskId, signal).then(setDefinition, failUnlessStopped);
    getStatus(taskId, signal).then(setStatus, failUnlessStopped);
    return () => {
      stop.abort();
    };
  }, [taskId]);
  useTaskEvents(`taskId=${taskId}`, {
    onOpen: () => {
      getStatus(taskId).then(setStatus, fail);
    },
    onChanges: (events) => {
      setStatus(events.at(-1)?.status);
    },
  });
  return { definition, status, error, setStatus };
}
