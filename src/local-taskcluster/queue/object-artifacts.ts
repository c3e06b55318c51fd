import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { issueCredentials } from '../auth/temporary-credentials.js';
import { ApiError } from '../http/api-error.js';
import { storeKey } from '../object/object-endpoints.js';
import type { ObjectTable } from '../object/object-table.js';
import type { SignedUrls } from '../object-store/signed-urls.js';
import type { Artifact } from './artifact-table.js';
import type { Task } from './task.js';

const UPLOAD_MS = 24 * 60 * 60_000;
const DOWNLOAD_MS = 60 * 60_000;

interface Deps {
  readonly objects: ObjectTable;
  readonly urls: SignedUrls;
  readonly now: () => Date;
  /** Signs the credentials for single objects. */
  readonly issuer: PermanentClient;
}

/** Artifacts of the type `object`: the object service holds their content, and the queue issues credentials for it. */
export class ObjectArtifacts {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Reserves the object for the artifact's upload; returns what the uploader needs. Throws RequestConflict. */
  begin(task: Task, runId: number, { name, expires, uploadId = '' }: Artifact): object {
    const { projectId } = task.definition;
    const object = objectName(task.taskId, runId, name);
    this.#deps.objects.open(object, { projectId, uploadId, expires });
    const { workerGroup = '', workerId = '' } = task.run(runId) ?? {};
    const clientId = `artifact-upload/${task.taskId}/${runId}/on/${workerGroup}/${workerId}`;
    const lifetimeMs = Math.min(UPLOAD_MS, new Date(expires).getTime() - this.#deps.now().getTime());
    const credentials = this.#issue(clientId, `object:upload:${projectId}:${object}`, lifetimeMs);
    return { storageType: 'object', name: object, projectId, uploadId, expires, credentials };
  }

  /** Throws InputError unless the object's upload is finished. */
  checkUploaded(taskId: string, runId: number, name: string): void {
    try {
      this.#deps.objects.get(objectName(taskId, runId, name));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new ApiError('InputError', `The upload of artifact ${name} is not finished: ${error.message}`);
    }
  }

  /** Returns what a client of the object service needs to get the content. */
  content(taskId: string, runId: number, artifact: string): object {
    const name = objectName(taskId, runId, artifact);
    const clientId = `artifact-download/${taskId}/${runId}/${artifact}`;
    return { storageType: 'object', name, credentials: this.#issue(clientId, `object:download:${name}`, DOWNLOAD_MS) };
  }

  /** Returns a temporary address of the content that needs no credentials. Throws ResourceNotFound. */
  url(baseUrl: string, taskId: string, runId: number, artifact: string): string {
    const name = objectName(taskId, runId, artifact);
    const { uploadId } = this.#deps.objects.get(name);
    return this.#deps.urls.sign(baseUrl, 'GET', storeKey(name, uploadId)).url;
  }

  #issue(clientId: string, scope: string, lifetimeMs: number): Required<Credentials> {
    const start = this.#deps.now();
    const expiry = new Date(start.getTime() + lifetimeMs);
    return issueCredentials(this.#deps.issuer, { clientId, scopes: [scope], start, expiry });
  }
}

function objectName(taskId: string, runId: number, artifact: string): string {
  return `t/${taskId}/${runId}/${artifact}`;
}
