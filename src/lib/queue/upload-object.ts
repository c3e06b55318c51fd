import { Transform, addAbortSignal, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { clients, upload } from 'taskcluster-client';
import type { ObjectService, TaskclusterClientError } from 'taskcluster-client';
import { ArtifactStoreError } from './artifact-store-error.js';
import { TimeoutError, untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { ObjectContent, ObjectUpload } from './queue-client.js';

export interface UploadObjectOptions {
  readonly rootUrl: string;
  readonly callTimeoutMs: number;
  /** How long an upload may be stalled. */
  readonly inactivityMs: number;
}

/**
 * Makes one attempt to upload an object through the client library, which hashes what it sends. The library can't mark
 * content as compressed, so content must be uncompressed. Throws an ArtifactStoreError, or the signal's reason.
 */
export async function uploadObject(
  { rootUrl, callTimeoutMs, inactivityMs }: UploadObjectOptions,
  { name, projectId, uploadId, expires, credentials }: ObjectUpload,
  content: ObjectContent,
  signal: AbortSignal,
): Promise<void> {
  const limit = new LinkedAbort(signal);
  const alive = (): void => {
    limit.abortAfter(inactivityMs, () => new TimeoutError('sending anything', inactivityMs));
  };
  const object = new clients.Object({ rootUrl, credentials, retries: 0, timeout: callTimeoutMs });
  try {
    alive();
    const uploading = upload({
      projectId,
      name,
      contentType: content.type,
      contentLength: content.length,
      expires,
      uploadId,
      object: withRetryableFinish(object),
      retries: 0,
      streamFactory: () => Promise.resolve(breakable(content.open(), alive, limit.signal)),
    });
    await untilAborted(uploading, limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    throw storeErrorOf(error);
  } finally {
    limit.dispose();
  }
}

/** The service answers 400 when it is asked to finish an upload that did not arrive: the next attempt may succeed. */
function withRetryableFinish(object: ObjectService): ObjectService {
  const finishUpload: ObjectService['finishUpload'] = async (name, request) => {
    try {
      return await object.finishUpload(name, request);
    } catch (error) {
      const { message, status } = storeErrorOf(error);
      throw new ArtifactStoreError(message, status, status === 400 ? { retryable: true } : {});
    }
  };
  return Object.assign(Object.create(object) as ObjectService, { finishUpload });
}

/**
 * The library only calls `pipe`, which would wait forever for a failed source, and ignore an abort. Either now ends the
 * library's target, and with it the request.
 */
function breakable(source: Readable, alive: () => void, signal: AbortSignal): Pick<Readable, 'pipe'> {
  const tap = new Transform({
    transform: (chunk, _encoding, callback) => {
      alive();
      callback(null, chunk);
    },
  });
  return {
    pipe: (target) => {
      pipeline(addAbortSignal(signal, source), tap, target, () => undefined);
      return target;
    },
  };
}

// The HTTP library's own errors contain the signed address: neither their message nor the errors are passed on.
function storeErrorOf(error: unknown): ArtifactStoreError {
  if (error instanceof ArtifactStoreError) return error;
  const { statusCode } = error as Partial<TaskclusterClientError>;
  if (statusCode !== undefined) {
    const text = errorMessage(error).split('\n---')[0]?.trim() ?? '';
    return new ArtifactStoreError(`the object service answered ${statusCode}: ${text}`, statusCode);
  }
  const { response, code } = error as { readonly response?: { readonly statusCode?: number }; readonly code?: string };
  if (response?.statusCode !== undefined) {
    return new ArtifactStoreError(`the object service's store answered ${response.statusCode}`, response.statusCode);
  }
  const why = error instanceof TimeoutError ? error.message : (code ?? 'no answer');
  return new ArtifactStoreError(`the connection to the object service failed (${why})`, undefined);
}
