import { buffer } from 'node:stream/consumers';
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
  RunQueue,
  TaskDirectory,
  TaskRights,
} from '../../src/lib/queue/queue-client.js';
import type { ExceptionReason } from '../../src/lib/outcome/resolution.js';
import { untilAborted } from '../../src/lib/util/abortable.js';
import { Trace } from './trace.js';
import { ServiceError } from '../../src/lib/outcome/service-error.js';

type RunCall = Exclude<keyof RunQueue, 'artifactUrl'>;

/** The queue's answer to a call that came too late. */
export function conflict(): ServiceError {
  return new ServiceError('taskcluster', 'the run is resolved already', 409);
}

/** The queue being down. */
export function outage(): ServiceError {
  return new ServiceError('taskcluster', 'Service Unavailable', 503);
}

/** The answer a test has not given yet. */
interface PendingClaim {
  readonly tasks: number;
  answer(claims: readonly Claim[]): void;
  fail(error: Error): void;
}

/**
 * A queue in memory that says yes to everything, unless it was told to fail. A claimWork hangs, as the queue's long poll
 * does, until the test answers it.
 */
export class FakeQueue implements QueueClient, RunQueue, TaskDirectory {
  readonly trace: Trace;
  /** Resolutions the queue accepted, as `reportCompleted` or `reportException internal-error`. */
  readonly resolutions: string[] = [];
  readonly artifacts: { readonly name: string; readonly request: ArtifactRequest }[] = [];
  /** What came by uploadObject. */
  readonly objects = new Map<string, { readonly type: string; readonly content: Buffer; isFinished: boolean }>();
  /** Task ids by index path. */
  readonly index = new Map<string, string>();
  /** The credentials each call of a run was made with. */
  readonly usedTokens: string[] = [];
  readonly claims: PendingClaim[] = [];
  /** What each role grants. */
  readonly roles = new Map<string, readonly string[]>();
  /** True makes every answer to `isResolved` yes. */
  resolved = false;
  reclaimAnswer: () => ReclaimResponse = () => ({
    takenUntil: new Date(Date.now() + 1_200_000),
    credentials: { clientId: 'task-client', accessToken: `renewed-${this.trace.count('queue.reclaim')}` },
  });
  readonly #failures = new Map<RunCall, Error[]>();
  readonly #broken = new Map<RunCall, Error>();
  readonly #hanging = new Set<RunCall>();
  #credentials: CredentialSource = { current: { clientId: 'none', accessToken: 'none' } };

  constructor(trace = new Trace()) {
    this.trace = trace;
  }

  /** The next calls of this kind fail with these errors, one each. */
  fail(call: RunCall, ...errors: readonly Error[]): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), ...errors]);
  }

  /** All calls of this kind fail; undefined: no more. */
  break(call: RunCall, error: Error | undefined): void {
    if (error) this.#broken.set(call, error);
    else this.#broken.delete(call);
  }

  /** Calls of this kind are never answered. */
  hang(call: RunCall): void {
    this.#hanging.add(call);
  }

  async claimWork(tasks: number, signal: AbortSignal): Promise<readonly Claim[]> {
    this.trace.add('queue.claimWork');
    const answered = new Promise<readonly Claim[]>((resolve, reject) => {
      this.claims.push({ tasks, answer: resolve, fail: reject });
      this.trace.add(`queue.claimWork ${this.trace.count('queue.claimWork')}`);
    });
    return await untilAborted(answered, signal);
  }

  forRun(_run: unknown, credentials: CredentialSource): RunQueue {
    this.#credentials = credentials;
    return this;
  }

  findTask(namespace: string): Promise<string | undefined> {
    return Promise.resolve(this.index.get(namespace));
  }

  latestArtifactUrl(taskId: string, name: string, rights: TaskRights | undefined): string {
    return `http://queue.invalid/${taskId}/${name}${rights ? '?signed' : ''}`;
  }

  missingScopes(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  get credentials(): Credentials {
    return this.#credentials.current;
  }

  async reclaim(signal: AbortSignal): Promise<ReclaimResponse> {
    await this.#called('reclaim', signal);
    return this.reclaimAnswer();
  }

  async isResolved(signal: AbortSignal): Promise<boolean> {
    await this.#called('isResolved', signal);
    return this.resolved;
  }

  async expandScopes(scopes: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    await this.#called('expandScopes', signal);
    const granted = [...this.roles].flatMap(([role, grants]) => (scopes.includes(`assume:${role}`) ? grants : []));
    return [...scopes, ...granted];
  }

  async reportCompleted(signal: AbortSignal): Promise<void> {
    await this.#called('reportCompleted', signal);
    this.resolutions.push('reportCompleted');
  }

  async reportFailed(signal: AbortSignal): Promise<void> {
    await this.#called('reportFailed', signal);
    this.resolutions.push('reportFailed');
  }

  async reportException(reason: ExceptionReason, signal: AbortSignal): Promise<void> {
    await this.#called('reportException', signal);
    this.resolutions.push(`reportException ${reason}`);
  }

  async createArtifact(name: string, request: ArtifactRequest, signal: AbortSignal): Promise<CreatedArtifact> {
    await this.#called('createArtifact', signal);
    this.artifacts.push({ name, request });
    if (request.storageType === 's3') return { putUrl: `http://store.invalid/${name}` };
    if (request.storageType !== 'object') return {};
    const { expires } = request;
    const uploadId = `upload-${this.artifacts.length}`;
    return { upload: { name, projectId: 'project', uploadId, expires, credentials: this.credentials } };
  }

  async uploadObject({ name }: ObjectUpload, content: ObjectContent, signal: AbortSignal): Promise<void> {
    await this.#called('uploadObject', signal);
    this.objects.set(name, { type: content.type, content: await buffer(content.open()), isFinished: false });
  }

  async finishArtifact(name: string, _uploadId: string, signal: AbortSignal): Promise<void> {
    await this.#called('finishArtifact', signal);
    const object = this.objects.get(name);
    if (!object) throw new ServiceError('taskcluster', 'nothing was uploaded', 400);
    object.isFinished = true;
  }

  artifactUrl(name: string): string {
    return `http://queue.invalid/artifacts/${name}`;
  }

  async #called(call: RunCall, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.usedTokens.push(this.credentials.accessToken);
    this.trace.add(`queue.${call}`);
    if (this.#hanging.has(call)) await untilAborted(new Promise(() => undefined), signal);
    const error = this.#failures.get(call)?.shift() ?? this.#broken.get(call);
    if (error) throw error;
  }
}
