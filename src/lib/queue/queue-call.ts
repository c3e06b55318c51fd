import type { TaskclusterClientError } from 'taskcluster-client';
import { untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { ServiceError } from '../outcome/service-error.js';

/** Makes one call of taskcluster-client; `what` names it. Throws a ServiceError or the signal's reason. */
export async function queueCall<T>(what: string, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  try {
    return await untilAborted(call(), signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw taskclusterError(what, error);
  }
}

/** Returns the error of taskcluster-client as a ServiceError. */
export function taskclusterError(what: string, error: unknown): ServiceError {
  const { statusCode } = error as Partial<TaskclusterClientError>;
  // After the dashes the services repeat the whole request.
  const message = errorMessage(error).split('\n---')[0]?.trim() ?? '';
  const answer = typeof statusCode === 'number' ? `HTTP ${statusCode}: ${message}` : message;
  return new ServiceError('taskcluster', `${what} failed: ${answer}`, statusCode, { cause: error });
}

/** Throws unless the answer is valid. Use it within a call, which then fails. */
export function assertValid(isValid: boolean): asserts isValid {
  if (!isValid) throw new Error('its answer is not valid');
}
