import { Agent } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import type { ContainerCreateOptions, ExecCreateOptions, NetworkCreateOptions } from 'dockerode';
import { withTimeout } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { idOf, imageInfo, inspectedContainer, labelled, labelledVolumes, networkSubnets } from './docker-answers.js';
import type { Info, InspectedContainer, InspectedExec, InspectedNetwork, NetworkSubnets } from './docker-answers.js';
import { dockerErrorOf, hasStatus } from './docker-error.js';
import { DockerError } from './engine.js';
import type { ImageInfo, Labelled, Labels, RegistryAuth } from './engine.js';

export interface EngineAddress {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

/** One call to the engine. */
export interface Call {
  /** What the engine is asked to do, as in error messages. */
  readonly what: string;
  /** How long the answer, or the start of a stream, may take. Default: one minute. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The timeout of calls that may wait for a busy graph driver, for mounts, or for a large file system to be removed. */
export const SLOW_CALL_TIMEOUT_MS = 300_000;
const CALL_TIMEOUT_MS = 60_000;
// Reading may pause while previous data is uploaded, through all retries of the upload.
const ARCHIVE_INACTIVITY_MS = 900_000;

/** The body of a request to create a container. */
export type ContainerBody = ContainerCreateOptions;

/** The parts of a request; those left out are empty. */
interface Request {
  readonly method?: 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly query?: object;
  /** Sent as JSON, for POST only. */
  readonly body?: object;
  /** Sent as is, in place of `body`. */
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

/** Any other status is a failure too; docker-modem puts these texts into its error messages. */
const STATUS_CODES = {
  200: true,
  201: true,
  204: true,
  400: 'bad parameter',
  403: 'not permitted',
  404: 'not found',
  409: 'conflict',
  500: 'server error',
};

/**
 * Connections to the engine. docker-modem formats the options of each request, with all sockets of the agent, for its
 * debug log, even when that log is off (https://github.com/apocas/docker-modem/blob/master/lib/modem.js, buildRequest).
 */
export class EngineAgent extends Agent {
  [inspect.custom](): string {
    return 'EngineAgent';
  }
}

/**
 * The calls of the engine's HTTP API that the worker makes, one request each, through dockerode's modem. They throw a
 * DockerError that states `what` was asked, or the reason of the call's signal. Three calls take only a signal, because
 * only their callers know how long an answer may take; they throw what docker-modem or node throws.
 *
 * The content of a request is either in its URL or in its body. dockerode's own methods put it into both
 * (https://github.com/apocas/dockerode/issues/144), and a URL is logged, limited in length, and visible to proxies.
 */
export class DockerClient {
  readonly #modem: Modem;

  /** `keepAlive`: whether connections are reused; otherwise each call opens its own. */
  constructor(address: EngineAddress, { keepAlive = true }: { readonly keepAlive?: boolean } = {}) {
    // The connections of attach and wait stay open while a task runs, so their number is not limited.
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
    return await this.#read(call, { path: `/images/${name}/json` }, imageInfo);
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
    return await this.#read(call, { path: `/containers/${id}/json` }, inspectedContainer);
  }

  async startContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: `/containers/${id}/start` });
  }

  async killContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'POST', path: `/containers/${id}/kill` });
  }

  /** Removes the container with its anonymous volumes. */
  async removeContainer(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } });
  }

  /**
   * Returns the engine's answer at the container's end, as JSON. It is a stream because the engine sends the headers at
   * once: otherwise docker-modem would not notice that the engine died while waiting.
   */
  async waitForContainer(id: string, signal: AbortSignal): Promise<IncomingMessage> {
    const request = { path: `/containers/${id}/wait`, isStream: true };
    return (await this.#dial({ method: 'POST', ...request }, signal)) as IncomingMessage;
  }

  /**
   * Returns the container's output from the hijacked socket. The request has an empty body, because docker-modem would
   * otherwise send a chunked one: Podman treats what follows the headers as typed input, even without an attached
   * stdin.
   */
  async attach(id: string, call: Call): Promise<Duplex> {
    const query = { stream: true, stdout: true, stderr: true };
    const empty = { file: Buffer.alloc(0), headers: { 'Content-Type': 'text/plain' } };
    const request = { path: `/containers/${id}/attach`, query, ...empty, hijack: true };
    return await this.#stream<Duplex>(call, { method: 'POST', ...request });
  }

  /** Returns the container's output as its log driver has kept it: with a terminal as it is, otherwise with headers. */
  async logs(id: string, follow: boolean, call: Call): Promise<IncomingMessage> {
    const query = { follow, stdout: true, stderr: true };
    return await this.#stream(call, { path: `/containers/${id}/logs`, query });
  }

  /** Returns a stream of JSON lines: those past events of a container, and those until a time in Unix seconds. */
  async containerEvents(id: string, names: readonly string[], until: number, call: Call): Promise<IncomingMessage> {
    const query = { since: 0, until, filters: { container: [id], event: names } };
    return await this.#stream(call, { path: '/events', query });
  }

  /** Returns a stream of JSON lines: the past events that the engine remembers until a time in Unix seconds. */
  async events(until: number, call: Call): Promise<IncomingMessage> {
    return await this.#stream(call, { path: '/events', query: { since: 0, until } });
  }

  /** Returns a stream of JSON lines, about one a second. */
  async stats(id: string, call: Call): Promise<IncomingMessage> {
    return await this.#stream(call, { path: `/containers/${id}/stats`, query: { stream: true } });
  }

  /** Returns a tar of `path`. */
  async getArchive(id: string, path: string, call: Call): Promise<Readable> {
    return limitSilence(call.what, await this.#stream(call, { path: `/containers/${id}/archive`, query: { path } }));
  }

  /** Returns the target of the link at `path`; empty if it is not a link. */
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

  /** Returns the id of the exec, which is not started yet. */
  async createExec(container: string, body: ExecCreateOptions, call: Call): Promise<string> {
    return await this.#read(call, { method: 'POST', path: `/containers/${container}/exec`, body }, idOf);
  }

  /** Returns the input and output of the process, a hijacked connection that can be half-closed. */
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

  /** Returns the networks with these labels and their subnets. */
  async listSubnets(labels: Labels, call: Call): Promise<readonly NetworkSubnets[]> {
    return await this.#read(call, { path: '/networks', query: { filters: labelFilter(labels) } }, networkSubnets);
  }

  async inspectNetwork(id: string, call: Call): Promise<InspectedNetwork> {
    return (await this.#answer(call, { path: `/networks/${id}` })) as InspectedNetwork;
  }

  async removeNetwork(id: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/networks/${id}` });
  }

  async listVolumes(labels: Labels, call: Call): Promise<readonly Labelled[]> {
    return await this.#read(call, { path: '/volumes', query: { filters: labelFilter(labels) } }, labelledVolumes);
  }

  async removeVolume(name: string, call: Call): Promise<void> {
    await this.#answer(call, { method: 'DELETE', path: `/volumes/${name}` });
  }

  async #answer(call: Call, request: Request): Promise<unknown> {
    return await this.#read(call, request, (answer) => answer);
  }

  /** Returns what `read` makes of the parsed answer. That is part of the call, so a bad answer is a failed call. */
  async #read<R>(call: Call, request: Request, read: (answer: unknown) => R): Promise<R> {
    return await limited(call, async (signal) => read(await this.#dial(request, signal)));
  }

  /** Returns the answer as a stream, which the call's signal ends, or the hijacked connection. */
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
      method,
      path: query ? `${path}?` : path,
      options: { _query: query, _body: body },
      statusCodes: STATUS_CODES,
      abortSignal,
      ...rest,
    };
    return await new Promise((resolve, reject) => {
      this.#modem.dial(options, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
  }
}

/** Returns the answer; undefined if the call failed with one of these statuses: a missing object needs no removal. */
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

/** Makes an archive fail if no data arrives for too long. */
function limitSilence(what: string, answer: IncomingMessage): IncomingMessage {
  return answer.setTimeout(ARCHIVE_INACTIVITY_MS, () => {
    // It is not a failure if our own reader does not read.
    if (answer.readableLength > 0) return;
    answer.destroy(new DockerError(`${what}: no data for ${ARCHIVE_INACTIVITY_MS / 1000} s`, undefined));
  });
}

/** Returns the filter for objects that carry all of these labels. */
function labelFilter(labels: Labels): { readonly label: string[] } {
  return { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
}
