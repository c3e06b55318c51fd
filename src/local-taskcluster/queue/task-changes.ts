import type { TaskStatus } from '../schemas/status-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import type { Task } from './task.js';

/** A task as it was at one moment. */
export interface TaskView {
  readonly taskId: string;
  readonly definition: TaskDefinition;
  readonly status: TaskStatus;
}

type TaskListener = (task: TaskView) => void;

export function viewOf(task: Task): TaskView {
  return { taskId: task.taskId, definition: task.definition, status: task.status() };
}

/** Tells listeners of every change in the state of a task, in the order in which the changes happen. */
export class TaskChanges {
  readonly #listeners = new Set<{ readonly notify: TaskListener }>();

  /** Calls the listener after each change from now on; returns how to stop that. */
  listen(notify: TaskListener): () => void {
    const entry = { notify };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  /** Calls every listener. Their errors are uncaught errors of the process: they must not break off the change. */
  notify(task: Task): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener.notify(viewOf(task));
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        queueMicrotask(() => {
          throw failure;
        });
      }
    }
  }
}
