import { isDeepStrictEqual } from 'node:util';
import { nice as newSlugid } from 'slugid';
import { ApiError } from '../http/api-error.js';
import { pageOf } from '../http/page.js';
import type { ArtifactInfo, ArtifactRequest, StorageType } from '../schemas/artifact-schemas.js';
import type { Task } from './task.js';

const CLOCK_SKEW_MS = 15 * 60_000;
const AFTER_EXCEPTION_MS = 25 * 60_000;

/** Everything known about an artifact; its content, if it is stored here, is in the object store. */
export interface Artifact extends ArtifactInfo {
  readonly request: ArtifactRequest;
  /** Present for the type `object` only. */
  readonly uploadId?: string;
  /** True when the artifact can be read; artifacts of the type `object` have to be finished first. */
  readonly isPresent: boolean;
}

/** An artifact as JSON, with its run. */
export interface SavedArtifact extends Artifact {
  readonly taskId: string;
  readonly runId: number;
}

/** The artifacts of all runs, and the rules for creating them. */
export class ArtifactTable {
  readonly #now: () => Date;
  readonly #runs = new Map<string, Map<string, Artifact>>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Creates the artifact, or changes an existing one as far as that is allowed. Throws InputError, RequestConflict. */
  create(task: Task, runId: number, name: string, request: ArtifactRequest): Artifact {
    this.#checkRun(task, runId);
    const expires = new Date(request.expires);
    if (expires.getTime() < this.#now().getTime() - CLOCK_SKEW_MS) {
      throw new ApiError('InputError', `The artifact expires in the past (${request.expires}).`);
    }
    if (expires > task.expires) {
      const problem = `The artifact expires at ${expires.toJSON()}, after its task (${task.definition.expires}).`;
      throw new ApiError('InputError', `${problem} Choose an earlier time.`);
    }
    const artifact: Artifact = {
      storageType: request.storageType,
      name,
      expires: expires.toJSON(),
      contentType: contentTypeOf(request),
      ...contentLengthOf(request),
      request,
      ...(request.storageType === 'object' ? { uploadId: newSlugid(), isPresent: false } : { isPresent: true }),
    };
    const existing = this.#find(task.taskId, runId, name);
    if (existing && !mayReplace(existing, artifact)) {
      throw new ApiError(
        'RequestConflict',
        `Artifact ${name} exists already as ${existing.storageType} ${existing.contentType} until ${existing.expires}.`,
      );
    }
    const created = existing ? replacement(existing, artifact) : artifact;
    this.#of(task.taskId, runId).set(name, created);
    return created;
  }

  /** Makes the artifact readable; may be repeated. `checkUploaded` may throw. Throws ResourceNotFound, InputError. */
  finish(task: Task, runId: number, name: string, uploadId: string, checkUploaded: () => void): void {
    const artifact = this.#find(task.taskId, runId, name);
    if (!artifact) throw notFound(task.taskId, runId, name);
    if (artifact.storageType !== 'object') {
      throw new ApiError(
        'InputError',
        `Artifact ${name} is of the type ${artifact.storageType}, which needs no finish.`,
      );
    }
    if (artifact.isPresent) return;
    if (artifact.uploadId !== uploadId) throw new ApiError('InputError', `Artifact ${name} has another uploadId.`);
    checkUploaded();
    this.#of(task.taskId, runId).set(name, { ...artifact, isPresent: true });
  }

  /** Returns the artifact. Throws ResourceNotFound. */
  get(taskId: string, runId: number, name: string): Artifact {
    const artifact = this.#find(taskId, runId, name);
    if (!artifact?.isPresent) throw notFound(taskId, runId, name);
    return artifact;
  }

  /**
   * Returns the artifact that links lead to; calls `authorize` with the names so far before each lookup. Throws
   * ResourceNotFound, ResourceExpired, and InputError for links in a circle.
   */
  follow(taskId: string, runId: number, first: string, authorize: (names: readonly string[]) => void): Artifact {
    const names: string[] = [];
    for (let name = first; ;) {
      names.push(name);
      authorize(names);
      const artifact = this.get(taskId, runId, name);
      if (new Date(artifact.expires) < this.#now())
        throw new ApiError('ResourceExpired', `Artifact ${name} has expired.`);
      if (artifact.request.storageType !== 'link') return artifact;
      name = artifact.request.artifact;
      if (names.includes(name)) {
        throw new ApiError(
          'InputError',
          `The links of artifact ${first} lead in a circle: ${names.join(' → ')} → ${name}.`,
        );
      }
    }
  }

  /**
   * Returns one page, ordered by name; `continuationToken` is set when there is more. Throws InvalidRequestArguments.
   */
  list(
    taskId: string,
    runId: number,
    page: { readonly limit?: string; readonly continuationToken?: string },
  ): { readonly artifacts: readonly ArtifactInfo[]; readonly continuationToken?: string } {
    const present = [...this.#of(taskId, runId).values()].filter(({ isPresent }) => isPresent);
    const { items, next } = pageOf(present, ({ name }) => name, page);
    return { artifacts: items.map(infoOf), ...next };
  }

  save(): readonly SavedArtifact[] {
    return [...this.#runs].flatMap(([run, artifacts]) => {
      const [taskId = '', runId] = run.split('/');
      return [...artifacts.values()].map((artifact) => ({ taskId, runId: Number(runId), ...artifact }));
    });
  }

  restore(artifacts: readonly SavedArtifact[]): void {
    for (const { taskId, runId, ...artifact } of artifacts) this.#of(taskId, runId).set(artifact.name, artifact);
  }

  #checkRun(task: Task, runId: number): void {
    const run = task.run(runId);
    if (run?.workerId === undefined) {
      throw new ApiError(
        'InputError',
        `Run ${runId} of task ${task.taskId} was never claimed: it can't have artifacts.`,
      );
    }
    if (run.state === 'running') return;
    const sinceMs = this.#now().getTime() - new Date(run.resolved ?? 0).getTime();
    if (run.state === 'exception' && sinceMs < AFTER_EXCEPTION_MS) return;
    throw new ApiError(
      'RequestConflict',
      `Run ${runId} of task ${task.taskId} is resolved (${run.state}): artifacts can only be created while it runs, ` +
        'or up to 25 minutes after an exception.',
    );
  }

  #find(taskId: string, runId: number, name: string): Artifact | undefined {
    return this.#runs.get(`${taskId}/${runId}`)?.get(name);
  }

  #of(taskId: string, runId: number): Map<string, Artifact> {
    const key = `${taskId}/${runId}`;
    const artifacts = this.#runs.get(key) ?? new Map<string, Artifact>();
    this.#runs.set(key, artifacts);
    return artifacts;
  }
}

export function infoOf({ storageType, name, expires, contentType, contentLength }: Artifact): ArtifactInfo {
  return { storageType, name, expires, contentType, ...(contentLength !== undefined && { contentLength }) };
}

function notFound(taskId: string, runId: number, name: string): ApiError {
  return new ApiError('ResourceNotFound', `Run ${runId} of task ${taskId} has no artifact ${name}.`);
}

function contentTypeOf(request: ArtifactRequest): string {
  return ('contentType' in request ? request.contentType : undefined) ?? 'application/binary';
}

function contentLengthOf(request: ArtifactRequest): Pick<ArtifactInfo, 'contentLength'> {
  const { contentLength } = request as { readonly contentLength?: number };
  return contentLength === undefined ? {} : { contentLength };
}

function mayReplace(existing: Artifact, wanted: Artifact): boolean {
  if (wanted.storageType !== 'link' && wanted.contentType !== existing.contentType) return false;
  if (new Date(wanted.expires) < new Date(existing.expires)) return false;
  // An upload to the object service keeps its first expiry.
  if (wanted.storageType === 'object' && (existing.isPresent || wanted.expires !== existing.expires)) return false;
  if (existing.storageType === 'reference') return isOneOf(wanted.storageType, ['reference', 'link']);
  return existing.storageType === wanted.storageType && isDeepStrictEqual(details(existing), details(wanted));
}

function replacement(existing: Artifact, wanted: Artifact): Artifact {
  // A link has no content type of its own, so it keeps that of the artifact it replaces. A length can be set only once.
  const { name, contentType, contentLength, uploadId } = existing;
  const { storageType, expires, request, isPresent } = wanted;
  return {
    ...{ storageType, name, expires, request, isPresent, contentType },
    ...(contentLength !== undefined && { contentLength }),
    ...(uploadId !== undefined && { uploadId }),
  };
}

function isOneOf(type: StorageType, allowed: readonly StorageType[]): boolean {
  return allowed.includes(type);
}

/** Returns the properties of the request that have no rules of their own. */
function details({ request }: Artifact): object {
  return { ...request, expires: undefined, contentType: undefined, contentLength: undefined };
}
