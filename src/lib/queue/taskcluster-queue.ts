import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { agents, clients } from 'taskcluster-client';
import type { Queue, TaskclusterClientError, TaskClaim } from 'taskcluster-client';
import { untilAborted } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import type { ExceptionReason } from './queue-client.js';
import { QueueError } from './queue-client.js';
import type {
  ArtifactRequest,
  Claim,
  CredentialSource,
  Credentials,
  QueueClient,
  ReclaimResponse,
  RunQueue,
} from './queue-client.js';
import { missingScopes } from './scopes.js';

export interface TaskclusterQueueOptions {
  readonly rootUrl: string;
  readonly credentials: CredentialSource;
  readonly provisionerId: string;
  readonly workerType: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

const CALL_TIMEOUT_MS = 30_000;
// The queue answers an empty claimWork after 20 s; anything near a minute is a dead connection.
const CLAIM_TIMEOUT_MS = 60_000;

interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

const keepAliveAgents = (): Agents => ({
  http: new HttpAgent({ keepAlive: true }),
  https: new HttpsAgent({ keepAlive: true }),
});

// The client library opens a connection for each call unless its default agents are replaced.
const sharedAgents = keepAliveAgents();
Object.assign(agents, sharedAgents);

/** The queue through taskcluster-client. Its own retries are off: callers know better what to do about a failure. */
export class TaskclusterQueue implements QueueClient {
  readonly #options: TaskclusterQueueOptions;
  readonly #claimAgents = keepAliveAgents();
  #claimClient: { readonly credentials: Credentials; readonly queue: Queue } | undefined;

  constructor(options: TaskclusterQueueOptions) {
    this.#options = options;
  }

  async claimWork(tasks: number, signal: AbortSignal): Promise<readonly Claim[]> {
    signal.throwIfAborted();
    const { provisionerId, workerType, workerGroup, workerId } = this.#options;
    // The library can't abort a call. Closing its connection does, so that the queue hands nothing to a poll that
    // nobody waits for any more.
    const hangUp = (): void => {
      this.#claimAgents.http.destroy();
      this.#claimAgents.https.destroy();
    };
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      const request = { tasks, workerGroup, workerId };
      const answer = await this.#claiming().claimWork(`${provisionerId}/${workerType}`, request);
      return answer.tasks.map(parseClaim);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw queueErrorOf('queue.claimWork', error);
    } finally {
      signal.removeEventListener('abort', hangUp);
    }
  }

  forRun(run: { readonly taskId: string; readonly runId: number }, credentials: CredentialSource): RunQueue {
    return new TaskclusterRunQueue(this.#options.rootUrl, run, credentials);
  }

  async missingScopes(signal: AbortSignal): Promise<readonly string[]> {
    const { rootUrl, credentials, provisionerId, workerType, workerGroup, workerId } = this.#options;
    const auth = new clients.Auth({ rootUrl, credentials: credentials.current, retries: 0, timeout: CALL_TIMEOUT_MS });
    const { scopes } = await attempt('auth.currentScopes', () => auth.currentScopes(), signal);
    const claimWork = `queue:claim-work:${provisionerId}/${workerType}`;
    return missingScopes(scopes, { AllOf: [claimWork, `queue:worker-id:${workerGroup}/${workerId}`] });
  }

  /** A client of its own, as its agents are destroyed to end a poll; made anew when the credentials are. */
  #claiming(): Queue {
    const credentials = this.#options.credentials.current;
    if (this.#claimClient?.credentials !== credentials) {
      Object.assign(agents, this.#claimAgents);
      const { rootUrl } = this.#options;
      const queue = new clients.Queue({ rootUrl, credentials, retries: 0, timeout: CLAIM_TIMEOUT_MS });
      Object.assign(agents, sharedAgents);
      this.#claimClient = { credentials, queue };
    }
    return this.#claimClient.queue;
  }
}

class TaskclusterRunQueue implements RunQueue {
  readonly #rootUrl: string;
  readonly #taskId: string;
  readonly #runId: number;
  readonly #source: CredentialSource;
  #client: { readonly credentials: Credentials; readonly queue: Queue } | undefined;

  constructor(rootUrl: string, run: { readonly taskId: string; readonly runId: number }, source: CredentialSource) {
    this.#rootUrl = rootUrl;
    this.#taskId = run.taskId;
    this.#runId = run.runId;
    this.#source = source;
  }

  async reclaim(signal: AbortSignal): Promise<ReclaimResponse> {
    const call = async (): Promise<ReclaimResponse> => {
      const { takenUntil, credentials } = await this.#queue.reclaimTask(this.#taskId, this.#runId);
      return { takenUntil: dateOf(takenUntil), credentials };
    };
    return await attempt('queue.reclaimTask', call, signal);
  }

  async isResolved(signal: AbortSignal): Promise<boolean> {
    // Read within the attempt: an answer that makes no sense is a failed call, not a lost claim.
    const call = async (): Promise<boolean> => {
      const { status } = await this.#queue.status(this.#taskId);
      const run = status.runs[this.#runId];
      return run !== undefined && run.state !== 'running';
    };
    return await attempt('queue.status', call, signal);
  }

  async reportCompleted(signal: AbortSignal): Promise<void> {
    await attempt('queue.reportCompleted', () => this.#queue.reportCompleted(this.#taskId, this.#runId), signal);
  }

  async reportFailed(signal: AbortSignal): Promise<void> {
    await attempt('queue.reportFailed', () => this.#queue.reportFailed(this.#taskId, this.#runId), signal);
  }

  async reportException(reason: ExceptionReason, signal: AbortSignal): Promise<void> {
    const call = () => this.#queue.reportException(this.#taskId, this.#runId, { reason });
    await attempt('queue.reportException', call, signal);
  }

  async createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal) {
    const call = () => this.#queue.createArtifact(this.#taskId, this.#runId, name, request);
    const { putUrl } = await attempt('queue.createArtifact', call, signal);
    return putUrl === undefined ? {} : { putUrl };
  }

  artifactUrl(name: string): string {
    const queue = this.#queue;
    return queue.buildUrl(queue.getArtifact, this.#taskId, this.#runId, name);
  }

  /** A client with the latest credentials. */
  get #queue(): Queue {
    const credentials = this.#source.current;
    if (this.#client?.credentials !== credentials) {
      const options = { rootUrl: this.#rootUrl, credentials, retries: 0, timeout: CALL_TIMEOUT_MS };
      this.#client = { credentials, queue: new clients.Queue(options) };
    }
    return this.#client.queue;
  }
}

async function attempt<T>(what: string, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  try {
    return await untilAborted(call(), signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw queueErrorOf(what, error);
  }
}

function queueErrorOf(what: string, error: unknown): QueueError {
  const { statusCode } = error as Partial<TaskclusterClientError>;
  // Below the dashes the services repeat the whole request.
  const words = errorMessage(error).split('\n---')[0]?.trim() ?? '';
  const answer = typeof statusCode === 'number' ? `HTTP ${statusCode}: ${words}` : words;
  return new QueueError(`${what} failed: ${answer}`, statusCode, { cause: error });
}

function parseClaim(claim: TaskClaim): Claim {
  const { status, runId, workerGroup, workerId, takenUntil, task, credentials } = claim;
  return { taskId: status.taskId, runId, workerGroup, workerId, takenUntil: dateOf(takenUntil), task, credentials };
}

/** Throws when the text is no date: an invalid one would break whatever computes with it. */
function dateOf(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new Error(`its answer has no valid takenUntil: ${JSON.stringify(text)}`);
  return date;
}
