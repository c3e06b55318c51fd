import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { httpGet } from '../../lib/images/download/http-get.js';
import type { HttpAnswer } from '../../lib/images/download/http-get.js';
import { ServiceError, isRetryable } from '../../lib/outcome/service-error.js';
import { retry } from '../../lib/util/retry.js';
import { ApiError } from '../http/api-error.js';
import type { ApiCall, ApiReply } from '../http/endpoint.js';
import type { RemoteContent, RemoteContents, WantedPart } from '../object-store/remote-contents.js';
import type { StoredObject } from '../object-store/object-store.js';
import type { SignedUrls } from '../object-store/signed-urls.js';
import type { ArtifactCache } from './artifact-cache.js';
import { isObject } from './upstream-client.js';
import type { UpstreamClient } from './upstream-client.js';

interface Deps {
  readonly client: UpstreamClient;
  readonly urls: SignedUrls;
  /** Undefined when contents are not kept. */
  readonly cache: ArtifactCache | undefined;
}

interface ArtifactId {
  readonly taskId: string;
  readonly runId: number;
  readonly name: string;
}

/** What the deployment says about an artifact: its address, or why it has none. */
type Located =
  /** `address` is a secret: it gives access to the deployment's storage. */
  | { readonly kind: 'content'; readonly address: string }
  | { readonly kind: 'reference'; readonly url: string }
  | { readonly kind: 'error'; readonly reason: string; readonly message: string };

const KEY_PREFIX = 'upstream/';
const INACTIVITY_MS = 60_000;
const RETRIES = { attempts: 3, firstDelayMs: 300, maxDelayMs: 3000, randomization: 0.25 };
const STORAGE_TYPE = 'x-taskcluster-artifact-storage-type';
const PASSED_HEADERS = [
  'content-type',
  'content-encoding',
  'content-length',
  'content-range',
  'etag',
  'last-modified',
] as const;
const MOST_REMEMBERED_RUNS = 10_000;

/**
 * Artifacts of another deployment. Callers get a signed address of this server, which reads the content there and keeps
 * it if there is a cache.
 */
export class UpstreamArtifacts implements RemoteContents {
  readonly #deps: Deps;
  /** Runs that are resolved: their artifacts do not change any more. */
  readonly #resolved = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Answers getArtifact or getLatestArtifact; undefined when there is no such artifact. */
  async download(call: ApiCall<unknown>): Promise<ApiReply | undefined> {
    const found = await this.#find(call);
    if (!found) return undefined;
    const { storageType, ...content } = found;
    const headers = { [STORAGE_TYPE]: storageType };
    if (!content.url) return { status: 424, headers, body: content };
    return { status: 303, headers: { ...headers, location: content.url }, body: found };
  }

  /** Answers artifact or latestArtifact; undefined when there is no such artifact. */
  async content(call: ApiCall<unknown>): Promise<ApiReply | undefined> {
    const body = await this.#find(call);
    return body && { body };
  }

  async kept(key: string): Promise<StoredObject | undefined> {
    return key.startsWith(KEY_PREFIX) ? await this.#deps.cache?.find(key) : undefined;
  }

  async open(key: string, part: WantedPart, signal: AbortSignal): Promise<RemoteContent | undefined> {
    if (!key.startsWith(KEY_PREFIX)) return undefined;
    const id = idOf(key);
    const located = await this.#locate(id, signal);
    if (located?.kind !== 'content') return undefined;
    const answer = await this.#read(id, located.address, part, signal);
    const isWhole = part.range === undefined && !part.isHeadOnly && answer.statusCode === 200;
    const { cache } = this.#deps;
    const keeps = isWhole && cache !== undefined && (await this.#isResolved(id, signal));
    const body = keeps ? cache.keep(key, headOf(answer.headers), answer.body) : Readable.from(answer.body);
    return { status: answer.statusCode, headers: passedHeaders(answer.headers), body };
  }

  async #find(call: ApiCall<unknown>): Promise<Found | undefined> {
    const [taskId, name] = [call.param('taskId'), call.param('name')];
    const runId = call.param('runId') === '' ? await this.#lastRun(taskId, call.closed) : Number(call.param('runId'));
    if (runId === undefined) return undefined;
    const key = keyOf({ taskId, runId, name });
    const here = { storageType: 's3', url: this.#deps.urls.sign(call.baseUrl, 'GET', key).url };
    if (await this.kept(key)) return here;
    const located = await this.#locate({ taskId, runId, name }, call.closed);
    if (located?.kind === 'content') return here;
    if (located?.kind === 'reference') return { storageType: 'reference', url: located.url };
    return located && { storageType: 'error', reason: located.reason, message: located.message };
  }

  /** Asks the deployment for the address of an artifact. Throws an ApiError. */
  async #locate({ taskId, runId, name }: ArtifactId, signal: AbortSignal): Promise<Located | undefined> {
    const { client } = this.#deps;
    const call = 'queue.getArtifact';
    const path = `/api/queue/v1/task/${taskId}/runs/${runId}/artifacts/${encodeURIComponent(name)}`;
    const answer = await client.ask({ call, path, scopes: [`queue:get-artifact:${name}`] }, signal);
    const { status, headers } = answer;
    const body = isObject(answer.body) ? answer.body : {};
    if (status === 404) return undefined;
    if (status === 410) throw new ApiError('ResourceExpired', `Artifact ${name} has expired at ${client.rootUrl}.`);
    if (status === 424) return { kind: 'error', reason: textOf(body['reason']), message: textOf(body['message']) };
    const target = headers.location ?? '';
    if (status < 300 || status > 399 || !URL.canParse(target, client.rootUrl)) {
      throw client.failure(call, `it answered ${status} and no address`);
    }
    const { href, protocol } = new URL(target, client.rootUrl);
    if (protocol !== 'http:' && protocol !== 'https:') throw client.failure(call, `it redirects to ${protocol}`);
    const storageType = headers[STORAGE_TYPE] ?? body['storageType'];
    // The creator of a reference chose its address. Only the deployment's own storage is read on behalf of the caller,
    // who may reach less than this server does.
    const isStored = typeof storageType === 'string' && storageType !== 'reference' && storageType !== 'link';
    return isStored ? { kind: 'content', address: href } : { kind: 'reference', url: href };
  }

  async #read(
    { taskId, name }: ArtifactId,
    address: string,
    { range, ifRange }: WantedPart,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const headers = {
      // As it is stored: some stores would decode it, and then can't serve ranges.
      'accept-encoding': 'gzip, identity',
      ...(range !== undefined && { range }),
      ...(ifRange !== undefined && { 'if-range': ifRange }),
    };
    const get = (): Promise<HttpAnswer> => httpGet(address, { headers, inactivityMs: INACTIVITY_MS }, signal);
    try {
      return await retry(RETRIES, { isRetryable }, get, signal);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.status === 416) return { statusCode: 416, headers: {}, host: '', body: Readable.from([]) };
      const what = `Artifact ${name} of task ${taskId} can't be read from ${this.#deps.client.rootUrl}`;
      throw new ApiError('BadGateway', `${what}: ${error.message}.`);
    }
  }

  async #lastRun(taskId: string, signal: AbortSignal): Promise<number | undefined> {
    return (await this.#runs(taskId, signal)).at(-1)?.runId;
  }

  async #isResolved({ taskId, runId }: ArtifactId, signal: AbortSignal): Promise<boolean> {
    const key = `${taskId}/${runId}`;
    if (this.#resolved.has(key)) return true;
    const run = (await this.#runs(taskId, signal)).find((each) => each.runId === runId);
    if (!run?.isResolved) return false;
    if (this.#resolved.size === MOST_REMEMBERED_RUNS) this.#resolved.clear();
    this.#resolved.add(key);
    return true;
  }

  async #runs(taskId: string, signal: AbortSignal): Promise<readonly UpstreamRun[]> {
    const path = `/api/queue/v1/task/${taskId}/status`;
    const request = { call: 'queue.status', path, scopes: [`queue:status:${taskId}`] };
    const status = (await this.#deps.client.json(request, signal))?.['status'];
    const runs = isObject(status) ? status['runs'] : [];
    return (Array.isArray(runs) ? runs : []).filter(isObject).flatMap(({ runId, resolved }) => {
      return Number.isSafeInteger(runId) ? [{ runId: Number(runId), isResolved: resolved !== undefined }] : [];
    });
  }
}

interface UpstreamRun {
  readonly runId: number;
  readonly isResolved: boolean;
}

/** An artifact as `artifact` shows it. */
interface Found {
  readonly storageType: string;
  readonly url?: string;
  readonly reason?: string;
  readonly message?: string;
}

function keyOf({ taskId, runId, name }: ArtifactId): string {
  return `${KEY_PREFIX}${taskId}/${runId}/${name}`;
}

function idOf(key: string): ArtifactId {
  const [taskId = '', runId = '', ...name] = key.slice(KEY_PREFIX.length).split('/');
  return { taskId, runId: Number(runId), name: name.join('/') };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function headOf(headers: IncomingHttpHeaders) {
  const length = headers['content-length'];
  return {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    contentEncoding: headers['content-encoding'],
    size: length === undefined ? undefined : Number(length),
    etag: headers.etag,
  };
}

function passedHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    PASSED_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}
