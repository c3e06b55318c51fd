import { printable } from '../graph/printable.js';
import { nameOf } from '../graph/selection.js';
import type { RenderedTask } from '../model.js';

const LONGEST_NAME = 200;

/** What lists show of a task: from the definition, of which nothing is checked. No text controls a terminal. */
export interface TaskFacts {
  readonly taskId: string;
  readonly name: string;
  /** `provisioner/worker-type`; empty: the definition names none. */
  readonly taskQueueId: string;
  readonly dependencies: readonly string[];
}

/** Returns what the definition says, as far as it has the right form. */
export function taskFacts(rendered: RenderedTask): TaskFacts {
  const { taskQueueId, provisionerId, workerType, dependencies } = rendered.task;
  return {
    taskId: shown(rendered.taskId),
    name: shown(nameOf(rendered)),
    taskQueueId: shown(typeof taskQueueId === 'string' ? taskQueueId : joined(provisionerId, workerType)),
    dependencies: Array.isArray(dependencies)
      ? dependencies.flatMap((id) => (typeof id === 'string' ? [shown(id)] : []))
      : [],
  };
}

function joined(provisionerId: unknown, workerType: unknown): string {
  if (typeof provisionerId !== 'string' || typeof workerType !== 'string') return '';
  return `${provisionerId}/${workerType}`;
}

function shown(text: string): string {
  return printable(text.trim(), LONGEST_NAME);
}
