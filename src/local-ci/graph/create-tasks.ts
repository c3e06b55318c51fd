import { clients } from 'taskcluster-client';
import type { TaskclusterClientError } from 'taskcluster-client';
import type { Credentials } from '../../lib/queue/queue-client.js';
import { errorMessage } from '../../lib/util/error-message.js';
import { shorten } from '../../lib/util/shorten.js';
import { CiInputError } from '../model.js';
import type { RenderedTask } from '../model.js';
import { printable } from './printable.js';
import { nameOf } from './selection.js';

export interface Creation {
  readonly rootUrl: string;
  /** Of a client with all scopes. */
  readonly credentials: Credentials;
  /** The only scopes that the tasks are created with. */
  readonly scopes: readonly string[];
}

const NAME_LENGTH = 255;
const MESSAGE_LENGTH = 16 * 1024;

/**
 * Creates the tasks one after the other, as the github service does. Throws CiInputError, which names the task and has
 * the queue's own words, for the first one that the queue refuses.
 */
export async function createTasks(tasks: readonly RenderedTask[], { scopes, ...client }: Creation): Promise<void> {
  // The queue is in this process: what fails once fails again.
  const queue = new clients.Queue({ ...client, authorizedScopes: scopes, retries: 0 });
  for (const each of tasks) {
    try {
      await queue.createTask(each.taskId, each.task);
    } catch (error) {
      throw refusal(each, scopes, error);
    }
  }
}

function refusal(task: RenderedTask, scopes: readonly string[], error: unknown): Error {
  const name = printable(nameOf(task), NAME_LENGTH);
  const title = `The task "${name}" (${task.taskId}) can't be created`;
  const { statusCode, code } = error as Partial<TaskclusterClientError>;
  if (statusCode === undefined || statusCode >= 500) {
    return new Error(`${title}: ${errorMessage(error)}`, { cause: error });
  }
  const words = shorten(queueWords(error), MESSAGE_LENGTH);
  if (code !== 'InsufficientScopes')
    return new CiInputError(`${title}: the queue refuses it (${code ?? statusCode}): ${words}`);
  const list = shorten(JSON.stringify(scopes, undefined, 2), MESSAGE_LENGTH);
  return new CiInputError(
    [
      `${title}:`,
      'Taskcluster-GitHub attempted to create a task for this event with the following scopes:',
      list,
      'The expansion of these scopes is not sufficient to create the task, leading to the following:',
      words,
    ].join('\n'),
  );
}

/** Returns the queue's message, without what the client adds to it: the method, and the request with all its content. */
function queueWords(error: unknown): string {
  const { body } = error as Partial<TaskclusterClientError>;
  const { message } = (body ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message : errorMessage(error);
}
