import { Agent } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import type { ContainerCreateOptions, ExecCreateOptions, NetworkCreateOptions } from 'dockerode';
import { withTimeout } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { dockerErrorOf, hasStatus } from './docker-error.js';
import { DockerError } from './engine.js';
import type { ImageInfo, Labelled, Labels, RegistryAuth } from './engine.js';

export interface EngineAddress {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

/** One call of the engine. */
export interface Call {
  /** What the engine is asked for, as errors say it. */
  readonly what: string;
  /** How long the answer, or the beginning of a stream, may take. Default: a minute. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The limit of calls that may wait for a busy graph driver, for mounts, or until a large file system is removed. */
export const SLOW_CALL_TIMEOUT_MS = 300_000;
const CALL_TIMEOUT_MS = 60_000;
// Reading may rest while what was read is uploaded, through all of an upload's retries.
const ARCHIVE_INACTIVITY_MS = 900_000;

/** What a container is made from, in the engine's words. */
export type ContainerBody = ContainerCreateOptions;

interface Info {
  readonly ID: string;
  readonly DockerRootDir?: string;
  readonly ServerVersion: string;
  readonly Driver: string;
}
interface InspectedImage {
  readonly Id: string;
  /** An image may be without one. */
  readonly Config?: { readonly Entrypoint?: string | string[] | null; readonly Cmd?: string[] | null } | null;
}
interface InspectedContainer {
  readonly Image: string;
  readonly Config: { readonly Cmd: string[] | null };
  readonly State: { readonly Status: string; readonly FinishedAt: string; readonly OOMKilled: boolean };
}
interface InspectedExec {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}
type InspectedNetwork = Partial<Readonly<Record<'Containers', object | null> & Record<'EnableIPv6', boolean>>>;
/** Containers and networks have an id, volumes a name. */
type Listed = Partial<Readonly<Record<'Id' | 'Name', string> & Record<'Labels', Labels | null>>>;

/** What a request consists of; what is left out is empty. */
interface Request {
  readonly method?: 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly query?: object;
  /** Sent as JSON; of a POST only. */
  readonly body?: object;
  /** Sent as it is, in place of `body`. */
  readonly file?: Buffer | Readable;
  readonly headers?: Record<string, string>;
  readonly authconfig?: object;
  readonly isStream?: boolean;
  readonly hijack?: boolean;
  readonly openStdin?: boolean;
}

/** The part of docker-modem that dockerode's methods use too. */
interface Modem {
  dial(options: object, callback: (error: Error | null, answer: unknown) => void): void;
}

/** Any other status is a failure; docker-modem puts these words into the message of its error. */
const STATUS_CODES = {
  ...{ 200: true, 201: true, 204: true },
  ...{ 400: 'bad parameter', 403: 'not permitted', 404: 'not found', 409: 'conflict', 500: 'server error' },
};

/**
 * Connections to the engine. docker-modem formats the options of each request for its debug log, whether that is on or
 * not (https://github.com/apocas/docker-modem/blob/master/lib/modem.js, buildRequest), with all sockets of their agent.
 */
export class EngineAgent extends Agent {
  [inspect.custom](): string {
    return 'EngineAgent';
  }
}

/**
 * The calls of the engine's HTTP API that the worker makes, one request each, by way of dockerode's modem. They fail with a
 * DockerError that says `what` was asked, or with the reason of the call's signal. Three leave that to their callers, who
 * know how long an answer may take: they take a signal alone, and fail with what docker-modem or node throws.
 *
 * What a request says is either in its URL or in its body. dockerode's own methods put it into both
 * (https://github.com/apocas/dockerode/issues/144), and a URL is logged, limited in length, and visible to proxies.
 */
export class DockerClient {
  readonly #modem: Modem;

  /** `keepAlive`: connections are kept for the next call, else each call makes its own. */
  constructor(address: EngineAddress, { keepAlive = true }: { readonly keepAlive?: boolean } = {}) {
    // Attach and wait keep theirs for as long as a task runs, so there is no limit to their number.
    const options = { ...address, agent: new EngineAgent({ keepAlive }) };
    this.#modem = new Docker(options).modem;
  }

  async ping(call: Call): Promise<void> {
    await this.#answer(call, { path: '/_ping' });
  }

  async info(call: Call): Promise<Info> {
    return (await this.#answer(call, { path: '/info' })) as Info;
  }

  async inspectImage(name: string, call: Call): Promise<ImageInfo> {
    return await this.#read(call, { path: `/images/${name}/json` }, (answer) => {
      const { Id, Config } = answer as InspectedImage;
      return { id: Id, entrypoint: words(Config?.Entrypoint), command: words(Config?.Cmd) };
    });
  }

  /** The engine's messages, a line of JSON each. */
  async pullImage(name: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const { serverAddress: serveraddress, ...user } = auth ?? {};
    const authconfig = auth && { authconfig: { ...user, serveraddress } };
    const request = { path: '/images/create', query: { fromImage: name }, ...authconfig, isStream: true };
    return (await this.#dial({ method: 'POST', ...request }, signal)) as IncomingMessage;
  }

  /** The engine's messages, a line of JSON each. */
  async loadImage(archive: Readable, signal: AbortSignal): Promise<IncomingMessage> {
    const request = { path: '/images/load', query: { quiet: false }, file: archive, isStream: true };
    return (await this.#dial({ method: 'POST', ...request }, signal)) as IncomingMessage;
  }

  async saveImage(name: string, call: Call): Promise<Readable> {
    return limitSilence(call.what, await this.#stream(call, { path: `/images/${name}/get` }));
  }

  async removeImage(name: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/images/${name}` });
  }

  /** Makes an image of a container. */
  async commit(container: string, name: { repo: string; tag: string }, body: ContainerBody, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: '/commit', query: { container, ...name }, body });
  }

  /** Returns the container's id. */
  async createContainer(body: ContainerBody, call: Call): Promise<string> {
    return await this.#read(call, { method: 'POST', path: '/containers/create', body }, idOf);
  }

  async listContainers(labels: Labels, call: Call): Promise<readonly Labelled[]> {
    const query = { all: true, filters: labelFilter(labels) };
    return await this.#read(call, { path: '/containers/json', query }, labelled);
  }

  async inspectContainer(id: string, call: Call): Promise<InspectedContainer> {
    return (await this.#answer(call, { path: `/containers/${id}/json` })) as InspectedContainer;
  }

  async startContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: `/containers/${id}/start` });
  }

  async killContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: `/containers/${id}/kill` });
  }

  /** With its anonymous volumes. */
  async removeContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } });
  }

  /**
   * What the engine says once the container has ended, as JSON. The answer is a stream because the engine sends its head at
   * once: without that docker-modem never notices that an engine died meanwhile.
   */
  async waitForContainer(id: string, signal: AbortSignal): Promise<IncomingMessage> {
    const request = { path: `/containers/${id}/wait`, isStream: true };
    return (await this.#dial({ method: 'POST', ...request }, signal)) as IncomingMessage;
  }

  /**
   * The container's output, from the socket itself: the connection is taken over. It has a body of no bytes, as otherwise
   * docker-modem sends one in chunks: what is behind the head of such a request is typed input for Podman, also where
   * stdin is not attached.
   */
  async attach(id: string, call: Call): Promise<Duplex> {
    const query = { stream: true, stdout: true, stderr: true };
    const empty = { file: Buffer.alloc(0), headers: { 'Content-Type': 'text/plain' } };
    const request = { path: `/containers/${id}/attach`, query, ...empty, hijack: true };
    return await this.#stream<Duplex>(call, { method: 'POST', ...request });
  }

  /** A line of JSON about once a second. */
  async stats(id: string, call: Call): Promise<IncomingMessage> {
    return await this.#stream(call, { path: `/containers/${id}/stats`, query: { stream: true } });
  }

  /** A tar of `path`. */
  async getArchive(id: string, path: string, call: Call): Promise<Readable> {
    return limitSilence(call.what, await this.#stream(call, { path: `/containers/${id}/archive`, query: { path } }));
  }

  /** What `path` leads to; empty: it is no link. */
  async linkTarget(id: string, path: string, call: Call): Promise<string> {
    const request = { method: 'HEAD', path: `/containers/${id}/archive`, query: { path } } as const;
    const { headers } = (await this.#stream(call, request)).resume();
    const stat = String(headers['x-docker-container-path-stat'] ?? '');
    return (JSON.parse(Buffer.from(stat, 'base64').toString()) as { readonly linkTarget: string }).linkTarget;
  }

  /** Unpacks a tar in the directory `path`. */
  async putArchive(id: string, path: string, archive: Buffer, call: Call): Promise<void> {
    await this.#answer(call, { method: 'PUT', path: `/containers/${id}/archive`, query: { path }, file: archive });
  }

  /** Returns the id of the process to be. */
  async createExec(container: string, body: ExecCreateOptions, call: Call): Promise<string> {
    return await this.#read(call, { method: 'POST', path: `/containers/${container}/exec`, body }, idOf);
  }

  /** Input and output of the process: the connection is taken over. It can be closed in one direction. */
  async startExec(id: string, tty: boolean, call: Call): Promise<Duplex> {
    const body = { Tty: tty, Detach: false };
    const request = { path: `/exec/${id}/start`, body, hijack: true, openStdin: true };
    return await this.#stream<Duplex>(call, { method: 'POST', ...request });
  }

  async resizeExec(id: string, size: { readonly h: number; readonly w: number }, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: `/exec/${id}/resize`, query: size });
  }

  async inspectExec(id: string, call: Call): Promise<InspectedExec> {
    return (await this.#answer(call, { path: `/exec/${id}/json` })) as InspectedExec;
  }

  /** Returns the network's id. */
  async createNetwork(body: NetworkCreateOptions, call: Call): Promise<string> {
    return await this.#read(call, { method: 'POST', path: '/networks/create', body }, idOf);
  }

  async listNetworks(labels: Labels, call: Call): Promise<readonly Labelled[]> {
    return await this.#read(call, { path: '/networks', query: { filters: labelFilter(labels) } }, labelled);
  }

  async inspectNetwork(id: string, call: Call): Promise<InspectedNetwork> {
    return (await this.#answer(call, { path: `/networks/${id}` })) as InspectedNetwork;
  }

  async removeNetwork(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/networks/${id}` });
  }

  async listVolumes(labels: Labels, call: Call): Promise<readonly Labelled[]> {
    // The engine leaves the list out when it is empty.
    const read = (answer: unknown) => labelled((answer as { readonly Volumes?: unknown }).Volumes ?? []);
    return await this.#read(call, { path: '/volumes', query: { filters: labelFilter(labels) } }, read);
  }

  async removeVolume(name: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/volumes/${name}` });
  }

  async #answer(call: Call, request: Request): Promise<unknown> {
    return await this.#read(call, request, (answer) => answer);
  }

  /** What `read` makes of the parsed answer; it is part of the call, as an answer that makes no sense is a failure of it. */
  async #read<R>(call: Call, request: Request, read: (answer: unknown) => R): Promise<R> {
    return await limited(call, async (signal) => read(await this.#dial(request, signal)));
  }

  /** The answer as it comes, or the connection that is taken over. The call's signal ends the former. */
  async #stream<T extends Readable = IncomingMessage>(call: Call, request: Request): Promise<T> {
    const abort = new LinkedAbort(call.signal);
    try {
      const dial = async () => (await this.#dial({ ...request, isStream: true }, abort.signal)) as T;
      const answer = await limited(call, dial);
      answer.once('close', () => {
        abort.dispose();
      });
      return answer;
    } catch (error) {
      abort.abort(error);
      throw error;
    }
  }

  async #dial(request: Request, abortSignal: AbortSignal): Promise<unknown> {
    const { method = 'GET', path, query, body = {}, ...rest } = request;
    const options = {
      ...{ method, path: query ? `${path}?` : path, options: { _query: query, _body: body } },
      ...{ statusCodes: STATUS_CODES, abortSignal, ...rest },
    };
    return await new Promise((resolve, reject) => {
      this.#modem.dial(options, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
  }
}

/** The answer to a call; undefined when it failed with one of these statuses, as what is gone has not to be removed. */
export async function unlessStatus<T>(answer: Promise<T>, ...statuses: readonly number[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasStatus(error, ...statuses)) return undefined;
    throw error;
  }
}

async function limited<T>(call: Call, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { what, timeoutMs = CALL_TIMEOUT_MS, signal } = call;
  try {
    return await withTimeout(what, timeoutMs, operation, signal);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw dockerErrorOf(what, error);
  }
}

/** An archive that fails when nothing comes of it for too long. */
function limitSilence(what: string, answer: IncomingMessage): IncomingMessage {
  return answer.setTimeout(ARCHIVE_INACTIVITY_MS, () => {
    // Silence that our own reader makes, by not reading, is no failure.
    if (answer.readableLength > 0) return;
    answer.destroy(new DockerError(`${what}: no data for ${ARCHIVE_INACTIVITY_MS / 1000} s`, undefined));
  });
}

function idOf(answer: unknown): string {
  return (answer as { readonly Id: string }).Id;
}

function labelled(list: unknown): readonly Labelled[] {
  return (list as readonly Listed[]).map(({ Id, Name = '', Labels }) => ({ id: Id ?? Name, labels: Labels ?? {} }));
}

/** For what carries all of these labels. */
function labelFilter(labels: Labels): { readonly label: string[] } {
  return { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
}

function words(value: string | string[] | null | undefined): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value : [];
}
