import { isDiskFull } from '../docker/engine.js';
import { authorMessage } from '../util/author-message.js';
import { shorten } from '../util/shorten.js';
import { TaskError, TaskStopped } from '../outcome/errors.js';
import { isEngineLoss } from '../outcome/resolution-of.js';
import type { RunContext } from './task-context.js';

const STOPPED: Readonly<Record<TaskStopped['reason'], string>> = {
  canceled:
    'Task was canceled by another entity. This happens when a user cancels the task, when its deadline passes, or when the queue gives up on the run.',
  'worker-shutdown': 'Task has been aborted prematurely. Reason: worker-shutdown',
  'reclaim-failed':
    'Task has been aborted prematurely. Reason: the worker could not renew its claim on the task before it expired.',
};

/** The longest list of a hundred problems. */
const MAX_LENGTH = 256 * 1024;
const RUNS_AGAIN = 'The queue runs the task again while it has retries left.';

/** Tells the author and the operator why a run ended early. */
export function explain(context: RunContext, error: unknown): void {
  const { log, output } = context;
  if (error instanceof TaskStopped) log.info(error.reason === 'canceled' ? 'cancel task' : 'task aborted', { error });
  else if (isEngineLoss(error)) log.error('docker engine lost', { error });
  else if (error instanceof TaskError) log.info('task error', { error });
  else log.error('worker error', { error });
  if (isDiskFull(error)) {
    const advice =
      'Tasks resolve as internal-error until the disk with the images and containers of Docker has free space again.';
    log.alert('disk of the engine is full', { error, advice });
  }
  output.error(authorsWords(error));
}

/** Returns an error as a message for the task's log. */
export function authorsWords(error: unknown): string {
  if (error instanceof TaskStopped) return STOPPED[error.reason];
  if (isEngineLoss(error)) {
    const words =
      error instanceof TaskError ? error.message : `The worker has lost its Docker engine: ${authorMessage(error)}`;
    return `${shorten(words, MAX_LENGTH).replace(/\.$/, '')}. ${RUNS_AGAIN}`;
  }
  if (error instanceof TaskError) return shorten(error.message, MAX_LENGTH);
  return `The worker had a problem that is not the task's fault: ${authorMessage(error)}`;
}
