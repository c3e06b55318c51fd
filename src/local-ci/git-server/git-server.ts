import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { errorMessage } from '../../lib/util/error-message.js';
import { LinkedAbort } from '../../lib/util/linked-abort.js';
import { Semaphore } from '../../lib/util/semaphore.js';
import { gitRoute } from './git-route.js';
import type { GitRoute } from './git-route.js';
import type { Environment } from './run-git.js';
import { gitConfigVariables, servedPath } from './served-urls.js';
import type { RepositoryName } from './served-urls.js';
import { makeServedRepository } from './served-repository.js';
import type { ServedRepository } from './served-repository.js';
import { BadRequest, sendObjects, sendRefs } from './upload-pack.js';

/** What the server needs to know of a checkout. */
export interface ServedCheckout extends RepositoryName {
  /** The top of the work tree. */
  readonly directory: string;
  /** The commit that runs, which no ref need point at. */
  readonly commit: string;
  readonly remoteUrl: string | undefined;
}

export interface GitServerOptions {
  readonly checkout: ServedCheckout;
  /** The address to listen on. */
  readonly host: string;
  /** By which containers reach that address, if not by itself. */
  readonly publicHost?: string;
  /** The directory for temporary files. */
  readonly directory: string;
  /** The environment of this program: PATH and the like. */
  readonly env: Environment;
  /** The refs that point at the commit, in full: `refs/heads/main`. Default: the branch that is checked out. */
  readonly refs?: readonly string[];
  /** Other repositories that this checkout stands for: that which it is a fork of. */
  readonly alsoKnownAs?: readonly RepositoryName[];
}

const TOKEN_BYTES = 16;
const MAX_CONNECTIONS = 512;
/** Each may use a core, and memory for a whole repository. */
const PROCESSES = 4;
/** git itself says something every few seconds. */
const SILENCE_MS = 300_000;
const REQUEST_LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 30_000, requestTimeout: 300_000 } as const;
const MAX_TEXT_LENGTH = 4000;

/**
 * Serves the commits of a checkout over HTTP, read-only, to whoever knows its URLs, which have a secret in them. For
 * each request it runs `git upload-pack` on a repository of its own; the checkout is not changed.
 */
export class GitServer {
  /** The URL under which the checkout is served, without `.git`. */
  readonly url: string;
  /** Makes git in a container use this server in place of the repository's own URLs, from git 2.31 on. */
  readonly environment: Readonly<Record<string, string>>;
  /** What tasks can't do with this checkout, a sentence each, for the user. */
  readonly notes: readonly string[];
  readonly #http: Server;
  readonly #repository: ServedRepository;
  readonly #stopping: LinkedAbort;
  readonly #requests: Set<Promise<void>>;

  private constructor({ http, repository, requests, stopping }: Parts, options: GitServerOptions, token: string) {
    const { checkout, host, publicHost = host } = options;
    const { port } = http.address() as AddressInfo;
    const origin = `http://${isIPv6(publicHost) ? `[${publicHost}]` : publicHost}:${port}/${token}`;
    const served = namesOf(options).map((name, index) => ({
      name,
      url: origin + servedPath(name),
      ...(index === 0 && { remoteUrl: checkout.remoteUrl }),
    }));
    this.url = origin + servedPath(checkout);
    this.environment = gitConfigVariables(served);
    this.notes = repository.notes;
    this.#http = http;
    this.#repository = repository;
    this.#requests = requests;
    this.#stopping = stopping;
  }

  /**
   * Resolves once it listens. Throws a CiInputError if the checkout can't be served, and an Error if the address can't
   * be listened on.
   */
  static async start(options: GitServerOptions, signal: AbortSignal): Promise<GitServer> {
    const { checkout, host, directory, env, refs } = options;
    const place = { directory: checkout.directory, env };
    const repository = await makeServedRepository(
      { checkout: place, commit: checkout.commit, refs, directory },
      signal,
    );
    const token = randomBytes(TOKEN_BYTES).toString('hex');
    const stopping = new LinkedAbort();
    const requests = new Set<Promise<void>>();
    const respond = responder({ repository, env, token, names: namesOf(options) }, stopping.signal);
    const http = createServer({ ...REQUEST_LIMITS, keepAlive: true }, (request, response) => {
      const responding = respond(request, response).finally(() => requests.delete(responding));
      requests.add(responding);
    });
    http.maxConnections = MAX_CONNECTIONS;
    http.setTimeout(SILENCE_MS);
    try {
      http.listen(0, host);
      await once(http, 'listening', { signal });
    } catch (error) {
      http.close();
      await repository.dispose();
      signal.throwIfAborted();
      throw new Error(`no git server for tasks: cannot listen on ${host}: ${errorMessage(error)}`, { cause: error });
    }
    return new GitServer({ http, repository, requests, stopping }, options, token);
  }

  /** Ends all requests, and removes its files. May be called twice. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error('the git server is closed'));
    if (this.#http.listening) {
      const closed = once(this.#http, 'close');
      this.#http.close();
      this.#http.closeAllConnections();
      await closed;
    }
    await Promise.all(this.#requests);
    await this.#repository.dispose();
  }
}

interface Parts {
  readonly http: Server;
  readonly repository: ServedRepository;
  readonly requests: Set<Promise<void>>;
  readonly stopping: LinkedAbort;
}

interface Served {
  readonly repository: ServedRepository;
  readonly env: Environment;
  readonly token: string;
  readonly names: readonly RepositoryName[];
}

function namesOf({ checkout, alsoKnownAs = [] }: GitServerOptions): readonly RepositoryName[] {
  return [checkout, ...alsoKnownAs];
}

/** Returns what answers a request; it never rejects. */
function responder(served: Served, stopping: AbortSignal) {
  const turns = new Semaphore(PROCESSES);
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    try {
      await respond({ request, response }, gitRoute(method, url, served), { served, turns, stopping });
    } catch (error) {
      // A client that has left, or a server that closes: there is nobody to tell.
      if (response.headersSent || response.destroyed) response.destroy();
      else if (error instanceof BadRequest) refuse(response, error.status, error.message);
      else refuse(response, 500, errorMessage(error));
    }
  };
}

interface Means {
  readonly served: Served;
  readonly turns: Semaphore;
  readonly stopping: AbortSignal;
}

async function respond(
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  route: GitRoute,
  { served, turns, stopping }: Means,
): Promise<void> {
  const { response } = exchange;
  if (route.kind === 'refusal') {
    refuse(response, route.status, route.text);
    return;
  }
  if (route.kind === 'redirect') {
    response.writeHead(route.status, { location: route.location, 'content-length': 0 }).end();
    return;
  }
  const { repository, env } = served;
  const options = { repository: repository.path, home: dirname(repository.path), env };
  const gone = new LinkedAbort(stopping);
  response.once('close', () => {
    gone.abort(new Error('the client has left'));
  });
  const send = route.kind === 'refs' ? sendRefs : sendObjects;
  try {
    await turns.run(() => send(exchange, options), gone.signal);
  } finally {
    gone.dispose();
  }
}

/** git shows the text to its user. */
function refuse(response: ServerResponse, status: number, text: string): void {
  // What the client may still send would be taken for its next request.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${text.slice(0, MAX_TEXT_LENGTH)}\n`);
}
