import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { agents, clients } from 'taskcluster-client';
import type { CreatedArtifact as TaskclusterArtifact, Queue, TaskClaim, TaskStatus } from 'taskcluster-client';
import { queueCall, assertValid, taskclusterError } from './queue-call.js';
import { dateOf, parseClaim } from './parse-claim.js';
import type { ExceptionReason } from '../outcome/resolution.js';
import type {
  ArtifactRequest,
  Claim,
  CreatedArtifact,
  CredentialSource,
  Credentials,
  ObjectContent,
  ObjectUpload,
  QueueClient,
  ReclaimResponse,
  RunIdentity,
  RunQueue,
} from './queue-client.js';
import { missingScopes } from './scopes.js';
import { uploadObject } from './upload-object.js';
import { isErrorOf } from '../outcome/service-error.js';

export interface TaskclusterQueueOptions {
  readonly rootUrl: string;
  readonly credentials: CredentialSource;
  readonly provisionerId: string;
  readonly workerType: string;
  readonly workerGroup: string;
  readonly workerId: string;
  /** The timeout of an answer. */
  readonly callTimeoutMs: number;
  /** The same for claimWork, whose answer may take as long as the queue's long poll. */
  readonly claimTimeoutMs: number;
  /** How long the upload of an object may be stalled. */
  readonly uploadInactivityMs: number;
  /** Called with the error of an invalid claim. Its run can't be saved: the queue ends it when the claim expires. */
  readonly onBadClaim: (error: unknown) => void;
}

interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

const keepAliveAgents = (): Agents => ({
  http: new HttpAgent({ keepAlive: true }),
  https: new HttpsAgent({ keepAlive: true }),
});

// The client library opens a connection for each call, unless its default agents are replaced.
const sharedAgents = keepAliveAgents();
Object.assign(agents, sharedAgents);

/** Calls the queue through taskcluster-client, whose retries are off: callers know better how to handle a failure. */
export class TaskclusterQueue implements QueueClient {
  readonly #options: TaskclusterQueueOptions;
  readonly #claimAgents = keepAliveAgents();
  readonly #abilities: QueueAbilities = { takesContentLength: true };
  #claimClient: { readonly credentials: Credentials; readonly queue: Queue } | undefined;

  constructor(options: TaskclusterQueueOptions) {
    this.#options = options;
  }

  async claimWork(tasks: number, signal: AbortSignal): Promise<readonly Claim[]> {
    signal.throwIfAborted();
    const { provisionerId, workerType, workerGroup, workerId, onBadClaim } = this.#options;
    // The library can't abort calls. Closing the connection does, so that the queue assigns no run to an abandoned
    // poll.
    const hangUp = (): void => {
      this.#claimAgents.http.destroy();
      this.#claimAgents.https.destroy();
    };
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      const request = { tasks, workerGroup, workerId };
      const { tasks: claims } = await this.#claiming().claimWork(`${provisionerId}/${workerType}`, request);
      return parseClaims(claims, onBadClaim);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw taskclusterError('queue.claimWork', error);
    } finally {
      signal.removeEventListener('abort', hangUp);
    }
  }

  forRun(run: RunIdentity, credentials: CredentialSource): RunQueue {
    return new TaskclusterRunQueue({ ...this.#options, abilities: this.#abilities }, run, credentials);
  }

  async missingScopes(signal: AbortSignal): Promise<readonly string[]> {
    const { rootUrl, credentials, provisionerId, workerType, workerGroup, workerId, callTimeoutMs } = this.#options;
    const options = { rootUrl, credentials: credentials.current, retries: 0, timeout: callTimeoutMs };
    const auth = new clients.Auth(options);
    const { scopes } = await queueCall('auth.currentScopes', () => auth.currentScopes(), signal);
    const claimWork = `queue:claim-work:${provisionerId}/${workerType}`;
    return missingScopes(scopes, { AllOf: [claimWork, `queue:worker-id:${workerGroup}/${workerId}`] });
  }

  /** Returns a separate client, because its agents are destroyed to end a poll; created anew for new credentials. */
  #claiming(): Queue {
    const credentials = this.#options.credentials.current;
    if (this.#claimClient?.credentials !== credentials) {
      Object.assign(agents, this.#claimAgents);
      const { rootUrl, claimTimeoutMs } = this.#options;
      const queue = new clients.Queue({ rootUrl, credentials, retries: 0, timeout: claimTimeoutMs });
      Object.assign(agents, sharedAgents);
      this.#claimClient = { credentials, queue };
    }
    return this.#claimClient.queue;
  }
}

/** What this worker has learned about the queue, for all runs. */
interface QueueAbilities {
  /** Queues before 96.7 refuse artifacts that state their length. */
  takesContentLength: boolean;
}

interface RunQueueOptions extends Pick<TaskclusterQueueOptions, 'rootUrl' | 'callTimeoutMs' | 'uploadInactivityMs'> {
  readonly abilities: QueueAbilities;
}

class TaskclusterRunQueue implements RunQueue {
  readonly #options: RunQueueOptions;
  readonly #run: RunIdentity;
  readonly #source: CredentialSource;
  #client: { readonly credentials: Credentials; readonly queue: Queue } | undefined;

  constructor(options: RunQueueOptions, run: RunIdentity, source: CredentialSource) {
    this.#options = options;
    this.#run = run;
    this.#source = source;
  }

  async reclaim(signal: AbortSignal): Promise<ReclaimResponse> {
    const { taskId, runId, clockSkewMs } = this.#run;
    const call = async (queue: Queue): Promise<ReclaimResponse> => {
      const { takenUntil, credentials } = await queue.reclaimTask(taskId, runId);
      assertValid([credentials.clientId, credentials.accessToken].every((text) => typeof text === 'string'));
      return { takenUntil: new Date(dateOf(takenUntil, 'takenUntil').getTime() + clockSkewMs), credentials };
    };
    return await this.#attempt('queue.reclaimTask', call, signal);
  }

  async isResolved(signal: AbortSignal): Promise<boolean> {
    // Read within the attempt: an invalid answer is a failed call, not a lost claim.
    const call = async (queue: Queue): Promise<boolean> => {
      const { status } = await queue.status(this.#run.taskId);
      const run = status.runs[this.#run.runId];
      return run !== undefined && run.state !== 'running';
    };
    return await this.#attempt('queue.status', call, signal);
  }

  async expandScopes(scopes: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const { rootUrl, callTimeoutMs } = this.#options;
    const call = async (): Promise<readonly string[]> => {
      const credentials = this.#source.current;
      const auth = new clients.Auth({ rootUrl, credentials, retries: 0, timeout: callTimeoutMs });
      const { scopes: expanded } = await auth.expandScopes({ scopes });
      assertValid(Array.isArray(expanded) && expanded.every((scope) => typeof scope === 'string'));
      return expanded;
    };
    return await this.#attempt('auth.expandScopes', call, signal);
  }

  async reportCompleted(signal: AbortSignal): Promise<void> {
    const { taskId, runId } = this.#run;
    await this.#report('queue.reportCompleted', (queue) => queue.reportCompleted(taskId, runId), signal);
  }

  async reportFailed(signal: AbortSignal): Promise<void> {
    const { taskId, runId } = this.#run;
    await this.#report('queue.reportFailed', (queue) => queue.reportFailed(taskId, runId), signal);
  }

  async reportException(reason: ExceptionReason, signal: AbortSignal): Promise<void> {
    const { taskId, runId } = this.#run;
    await this.#report('queue.reportException', (queue) => queue.reportException(taskId, runId, { reason }), signal);
  }

  async createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact> {
    const { abilities } = this.#options;
    if (!('contentLength' in request)) return await this.#createArtifact(name, request, signal);
    const { storageType, contentType, expires } = request;
    const withoutLength = { storageType, contentType, expires };
    if (!abilities.takesContentLength) return await this.#createArtifact(name, withoutLength, signal);
    try {
      return await this.#createArtifact(name, request, signal);
    } catch (error) {
      const isRefusal = isErrorOf(error, 'taskcluster', 400);
      if (!isRefusal || !error.message.includes('contentLength')) throw error;
      abilities.takesContentLength = false;
      return await this.#createArtifact(name, withoutLength, signal);
    }
  }

  async #createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact> {
    const { taskId, runId } = this.#run;
    const call = async (queue: Queue): Promise<CreatedArtifact> => {
      const { storageType, putUrl, ...answer } = await queue.createArtifact(taskId, runId, name, request);
      assertValid(storageType === request.storageType && (storageType !== 's3' || putUrl !== undefined));
      if (storageType === 'object') return { upload: objectUploadOf(answer) };
      return putUrl === undefined ? {} : { putUrl };
    };
    return await this.#attempt('queue.createArtifact', call, signal);
  }

  async uploadObject(upload: ObjectUpload, content: ObjectContent, signal: AbortSignal): Promise<void> {
    const { rootUrl, callTimeoutMs, uploadInactivityMs: inactivityMs } = this.#options;
    await uploadObject({ rootUrl, callTimeoutMs, inactivityMs }, upload, content, signal);
  }

  async finishArtifact(name: string, uploadId: string, signal: AbortSignal): Promise<void> {
    const { taskId, runId } = this.#run;
    const call = (queue: Queue): Promise<unknown> => queue.finishArtifact(taskId, runId, name, { uploadId });
    await this.#attempt('queue.finishArtifact', call, signal);
  }

  artifactUrl(name: string): string {
    const queue = this.#queue;
    return queue.buildUrl(queue.getArtifact, this.#run.taskId, this.#run.runId, name);
  }

  /** Reports a resolution. The answer must state that the run is over: a proxy's page can't tell what the queue did. */
  async #report(
    what: string,
    call: (queue: Queue) => Promise<{ readonly status: TaskStatus }>,
    signal: AbortSignal,
  ): Promise<void> {
    const report = async (queue: Queue): Promise<void> => {
      const run = (await call(queue)).status.runs[this.#run.runId];
      assertValid(run !== undefined && run.state !== 'running');
    };
    await this.#attempt(what, report, signal);
  }

  async #attempt<T>(what: string, call: (queue: Queue) => Promise<T>, signal: AbortSignal): Promise<T> {
    const credentials = this.#source.current;
    try {
      return await queueCall(what, () => call(this.#queue), signal);
    } catch (error) {
      const isRefused = isErrorOf(error, 'taskcluster', 401);
      // Expired credentials say nothing about those that have replaced them meanwhile.
      if (!isRefused || this.#source.current === credentials) throw error;
      return await queueCall(what, () => call(this.#queue), signal);
    }
  }

  /** Returns a client with the latest credentials. */
  get #queue(): Queue {
    const credentials = this.#source.current;
    if (this.#client?.credentials !== credentials) {
      const { rootUrl, callTimeoutMs } = this.#options;
      this.#client = {
        credentials,
        queue: new clients.Queue({ rootUrl, credentials, retries: 0, timeout: callTimeoutMs }),
      };
    }
    return this.#client.queue;
  }
}

function objectUploadOf(answer: Omit<TaskclusterArtifact, 'storageType'>): ObjectUpload {
  const { name, projectId, uploadId, expires, credentials } = answer;
  if (!name || !projectId || !uploadId || !expires || !credentials) throw new Error('its answer is not valid');
  return { name, projectId, uploadId, expires, credentials };
}

/** Returns the valid claims. Throws if all are invalid, so that the worker does not claim more at once. */
function parseClaims(claims: readonly TaskClaim[], onBadClaim: (error: unknown) => void): readonly Claim[] {
  const now = new Date();
  const errors: unknown[] = [];
  const parsed = claims.flatMap((claim) => {
    try {
      return [parseClaim(claim, now)];
    } catch (error) {
      errors.push(error);
      return [];
    }
  });
  errors.forEach(onBadClaim);
  if (parsed.length === 0 && errors.length > 0) throw errors[0];
  return parsed;
}
