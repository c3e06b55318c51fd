import { QueueError } from '../queue/queue-client.js';
import { TaskError } from '../outcome/errors.js';
import { authorMessage } from '../util/author-message.js';
import { PutError } from '../queue/put-error.js';

/** An upload's last error as the run's: whose fault it is decides how the run is resolved. A conflict is not for here. */
export function uploadFailure(name: string, error: unknown): TaskError {
  const what = `Artifact "${name}" could not be uploaded: `;
  if (error instanceof QueueError) {
    // What a proxy says in the queue's place, or nobody, is no decision of the queue's.
    const isRefusal = !error.retryable || error.status === 401;
    const why = `${what}${isRefusal ? 'the queue refused it: ' : ''}${error.message}`;
    // 400 is about the request, whose variable parts are the author's: name, expires, contentType.
    return error.status === 400 ? TaskError.failed(why, error) : TaskError.exception('internal-error', why, error);
  }
  if (error instanceof PutError) {
    const why = `${what}${error.message}`;
    return error.isTheAuthors ? TaskError.failed(why, error) : TaskError.exception('internal-error', why, error);
  }
  return TaskError.exception('internal-error', `${what}${authorMessage(error)}`, error);
}
