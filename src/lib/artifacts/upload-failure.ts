import { TaskError } from '../outcome/errors.js';
import { authorMessage } from '../util/author-message.js';
import { ArtifactStoreError } from '../queue/artifact-store-error.js';
import { isErrorOf, retryableStatus } from '../outcome/service-error.js';

/** Returns an upload's last error as the run's: whose fault it is decides the resolution. Not for conflicts. */
export function uploadFailure(name: string, error: unknown): TaskError {
  const what = `Artifact "${name}" could not be uploaded: `;
  if (isErrorOf(error, 'taskcluster')) {
    // A proxy's answer, or a missing one, is not a decision of the queue.
    const isRefusal = !retryableStatus(error.status);
    const why = `${what}${isRefusal ? 'the queue refused it: ' : ''}${error.message}`;
    // 400 is about the request, whose variable parts are the author's: name, expires, contentType.
    return error.status === 400 ? TaskError.failed(why, error) : TaskError.exception('internal-error', why, error);
  }
  if (error instanceof ArtifactStoreError) {
    const why = `${what}${error.message}`;
    return error.isAuthorError ? TaskError.failed(why, error) : TaskError.exception('internal-error', why, error);
  }
  return TaskError.exception('internal-error', `${what}${authorMessage(error)}`, error);
}
