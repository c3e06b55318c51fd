import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Credentials } from '../lib/queue/queue-client.js';
import { newAccessToken } from './auth/access-token.js';
import { ANONYMOUS_SCOPES } from './auth/anonymous-scopes.js';
import { Authenticator } from './auth/authenticator.js';
import { ClientTable } from './auth/client-table.js';
import type { PermanentClient } from './auth/client-table.js';
import { RoleTable } from './auth/role-table.js';
import type { NewRole } from './auth/role-table.js';
import { AdminServer } from './faults/admin-server.js';
import type { CallLog } from './faults/call-log.js';
import type { FaultRules } from './faults/fault-rules.js';
import { Traffic } from './faults/traffic.js';
import { sendError } from './http/error-reply.js';
import { registerRootRoutes } from './http/root-routes.js';
import { registerService } from './http/service.js';
import { registerObjectRoutes } from './object-store/object-routes.js';
import { ObjectStore } from './object-store/object-store.js';
import { PageAccess } from './page/page-access.js';
import { PageFiles } from './page/page-files.js';
import { registerPage } from './page/page-routes.js';
import { serveBuiltInPools } from './queue/built-in-pools.js';
import { viewOf } from './queue/task-changes.js';
import type { TaskView } from './queue/task-changes.js';
import type { ContentLengthRule } from './schemas/artifact-schemas.js';
import type { TerminationDecision, WorkerKey } from './schemas/worker-schemas.js';
import { Services } from './services.js';
import type { ServicesUpstream } from './services.js';
import { checkState } from './state/saved-state.js';
import type { LocalTaskclusterState } from './state/saved-state.js';
import { ArtifactCache } from './upstream/artifact-cache.js';
import { UpstreamClient } from './upstream/upstream-client.js';
import type { UpstreamOptions } from './upstream/upstream-client.js';

export type { TaskView, LocalTaskclusterState, UpstreamOptions };

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_CLAIM_TIMEOUT_MS = 20 * 60_000;
const DEFAULT_LONG_POLL_MS = 20_000;
const DEFAULT_CREDENTIALS_GRACE_MS = 15 * 60_000;
const LONGEST_PARAMETER = 4096;

export interface LocalTaskclusterOptions {
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Port to listen on; by default, or when 0, any free one. */
  readonly port?: number;
  /** Directory of the objects. By default they are in a temporary directory that `close` removes. */
  readonly dataDir?: string;
  /** The client with all scopes; clientId `static/local/root` and a random token by default. */
  readonly credentials?: { readonly clientId: string; readonly accessToken: string };
  /** How long a claim lasts without being renewed, in milliseconds; 20 minutes by default. */
  readonly claimTimeoutMs?: number;
  /**
   * How long a claim's credentials stay valid beyond the claim, in milliseconds; 15 minutes by default. They are
   * accepted for 5 more minutes because clocks differ; a negative number reduces that too.
   */
  readonly credentialsGraceMs?: number;
  /** How long claimWork waits for work, in milliseconds; 20 seconds by default. */
  readonly longPollMs?: number;
  /** Initial roles, in addition to `anonymous` or in place of it. */
  readonly roles?: readonly NewRole[];
  /** `refused` makes createArtifact answer 400 to a `contentLength`, as queues older than 96.7 do. */
  readonly artifactContentLength?: ContentLengthRule;
  /** The clock of tasks, claims, certificates and addresses; due actions need a timer or `resolveDue`. */
  readonly now?: () => Date;
  /** A deployment that is read, and never changed, to find what is not here. By default there is none. */
  readonly upstream?: UpstreamOptions;
  /**
   * Whether a pending task may be claimed now; all may by default. It is asked before every claim, and again after
   * `reviewPending`: call that when an answer changes.
   */
  readonly mayClaim?: (task: TaskView) => boolean;
  /**
   * Returns what a worker gets as the definition of a task that it claims; by default the definition itself, which every
   * other method answers in any case. It has to be a whole definition, and the function must not throw.
   */
  readonly definitionForWorker?: (task: TaskView) => unknown;
  /** What an earlier server over the same `dataDir` has saved. */
  readonly state?: LocalTaskclusterState;
  /** Port of the admin API on the loopback address, 0 for any free one; without it there is no admin API. */
  readonly adminPort?: number;
  /** Serves the page, whose bundle is in this directory; by default there is none. */
  readonly page?: { readonly directory: string };
}

interface Parts {
  readonly app: FastifyInstance;
  readonly services: Services;
  readonly clients: ClientTable;
  readonly roles: RoleTable;
  readonly store: ObjectStore;
  readonly traffic: Traffic;
  readonly cache: ArtifactCache | undefined;
  readonly closing: AbortController;
  /** Settles once the server closes. */
  readonly builtInPools: Promise<void>;
  admin: AdminServer | undefined;
  readonly page: PageAccess | undefined;
  readonly temporaryDir: string | undefined;
}

/** A Taskcluster for one machine: its services and object storage in this process, behind one address. */
export class LocalTaskcluster {
  readonly rootUrl: string;
  /** The credentials of the client with all scopes. */
  readonly credentials: Credentials;
  readonly #parts: Parts;

  private constructor(rootUrl: string, credentials: Credentials, parts: Parts) {
    this.rootUrl = rootUrl;
    this.credentials = credentials;
    this.#parts = parts;
  }

  /**
   * Starts the server; resolves once it listens. Rejects when the address is not available, the state or the page can't be used, or
   * the upstream's address or credentials can't be right.
   */
  static async start(options: LocalTaskclusterOptions = {}): Promise<LocalTaskcluster> {
    const credentials = options.credentials ?? { clientId: 'static/local/root', accessToken: newAccessToken() };
    const host = options.host ?? DEFAULT_HOST;
    const parts = await assemble(options, credentials);
    try {
      await parts.app.listen({ host, port: options.port ?? 0 });
      if (options.adminPort !== undefined) parts.admin = await startAdmin(parts, options.adminPort);
    } catch (error) {
      await shutDown(parts);
      throw error;
    }
    return new LocalTaskcluster(rootUrlOf(parts.app, host), credentials, parts);
  }

  /** Returns the address of the admin API, if there is one. */
  get adminUrl(): string | undefined {
    return this.#parts.admin?.url;
  }

  /** Returns the address of the page, with the token that opens it, if there is one. */
  get pageUrl(): string | undefined {
    const { page } = this.#parts;
    return page && `${this.rootUrl}/?token=${page.session.token}`;
  }

  /**
   * Returns the address of the page with a token that can be used once, if there is a page: for the command line of a
   * browser, which all users of the machine can see.
   */
  newPageUrl(): string | undefined {
    const { page } = this.#parts;
    return page && `${this.rootUrl}/?token=${page.session.newOpening()}`;
  }

  /** Returns the faults that are injected. */
  get faults(): Pick<FaultRules, 'add' | 'list' | 'clear'> {
    return this.#parts.traffic.faults;
  }

  /** Returns the received requests. */
  get calls(): Pick<CallLog, 'list' | 'clear'> {
    return this.#parts.traffic.calls;
  }

  /** Adds a client, or replaces the one with that id. */
  addClient(client: PermanentClient): void {
    this.#parts.clients.set(client);
  }

  /** Adds a role, or replaces the one with that id; a client with `assume:<roleId>` has its scopes. */
  addRole(roleId: string, scopes: readonly string[]): void {
    this.#parts.roles.set(roleId, scopes);
  }

  /** Sets what shouldWorkerTerminate answers for the worker from now on; until then it answers that it is undecided. */
  decideTermination(worker: WorkerKey, decision: TerminationDecision): void {
    this.#parts.services.terminations.decide(worker, decision);
  }

  /**
   * Calls the listener after each change in the state of a task (created, pending, running, resolved), in order; returns
   * how to stop that.
   */
  onTaskChange(listener: (task: TaskView) => void): () => void {
    return this.#parts.services.queue.changes.listen(listener);
  }

  /** Returns all tasks, as they are now, oldest first. */
  tasks(): readonly TaskView[] {
    return this.#parts.services.queue.all().map(viewOf);
  }

  /** Asks `mayClaim` again, soon, for the tasks that workers wait for. */
  reviewPending(): void {
    this.#parts.services.queue.reviewPending();
  }

  /**
   * Returns what the next server over the same `dataDir` needs to continue, as JSON: tasks with their runs, groups and
   * artifacts, objects, and the index. Clients, roles, secrets, worker pools and purge requests are not in it. Possible
   * at any time, also after `close`; uploads that are not finished are lost.
   */
  saveState(): LocalTaskclusterState {
    return this.#parts.services.save();
  }

  /** Expires claims and deadlines that are due now; for clocks that are advanced by hand. */
  resolveDue(): void {
    this.#parts.services.queue.resolveDue();
  }

  /** Ends long polls and connections at once and removes the temporary directory. May be called again. */
  async close(): Promise<void> {
    await shutDown(this.#parts);
  }
}

async function assemble(options: LocalTaskclusterOptions, root: Omit<PermanentClient, 'scopes'>): Promise<Parts> {
  const now = options.now ?? (() => new Date());
  const files = options.page && new PageFiles(options.page.directory);
  const [clients, roles] = [new ClientTable(now), rolesOf(options.roles ?? [], now)];
  clients.set({ ...root, scopes: ['*'] });
  const state = stateOf(options);
  const upstream = options.upstream && (await upstreamOf(options.upstream));
  const temporaryDir = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'local-taskcluster-')) : undefined;
  const store = new ObjectStore(join(options.dataDir ?? temporaryDir ?? '', 'objects'), now);
  const services = new Services({ store, clients, roles, now, upstream, ...serviceOptions(options) });
  if (state) await services.restore(state);
  const closing = new AbortController();
  const traffic = new Traffic(now);
  const page = options.page && new PageAccess(options.host ?? DEFAULT_HOST, root.clientId);
  const app = await application({ services, store, closing, traffic, page }, { clients, roles, now });
  if (files && page) await servePage(app, { services, closing, page }, { files, now });
  const builtInPools = serveBuiltInPools(services.queue, closing.signal);
  return {
    ...{ app, services, clients, roles, store, traffic, closing, temporaryDir, builtInPools },
    ...{ cache: upstream?.cache, admin: undefined, page },
  };
}

async function servePage(
  app: FastifyInstance,
  { services, closing, page: access }: Pick<Parts, 'services' | 'closing'> & { readonly page: PageAccess },
  options: { readonly files: PageFiles; readonly now: () => Date },
): Promise<void> {
  const { queue, endpoints } = services;
  const queueEndpoints = endpoints['queue'] ?? [];
  await registerPage(app, { ...options, access, queue, queueEndpoints, closing: closing.signal });
}

function serviceOptions(options: LocalTaskclusterOptions) {
  const { mayClaim, definitionForWorker, artifactContentLength = 'taken' } = options;
  const queue = {
    claimTimeoutMs: options.claimTimeoutMs ?? DEFAULT_CLAIM_TIMEOUT_MS,
    longPollMs: options.longPollMs ?? DEFAULT_LONG_POLL_MS,
    credentialsGraceMs: options.credentialsGraceMs ?? DEFAULT_CREDENTIALS_GRACE_MS,
    ...(mayClaim && { mayClaim }),
  };
  return { queue, definitionForWorker, artifactContentLength };
}

async function application(
  { services, store, closing, traffic, page }: Pick<Parts, 'services' | 'store' | 'closing' | 'traffic' | 'page'>,
  { clients, roles, now }: Pick<Parts, 'clients' | 'roles'> & { readonly now: () => Date },
): Promise<FastifyInstance> {
  const { endpoints, urls, remoteContents: remote } = services;
  const app = fastify({
    forceCloseConnections: true,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    frameworkErrors: (error, request, reply) =>
      void sendError(request, reply, { method: { name: 'unknown' }, error, time: now() }),
  });
  const context = {
    ...{ authenticator: new Authenticator({ clients, roles, now }), now, closing: closing.signal, traffic },
    ...(page && { sessionOf: (request: FastifyRequest) => page.identityOf(request) }),
  };
  registerRootRoutes(app, Object.keys(endpoints), now);
  for (const [name, methods] of Object.entries(endpoints)) await registerService(app, name, methods, context);
  await registerObjectRoutes(app, { store, urls, traffic, remote });
  return app;
}

/** Throws an Error for a state that can't be used. */
function stateOf({ state, dataDir }: LocalTaskclusterOptions): LocalTaskclusterState | undefined {
  if (state === undefined) return undefined;
  if (dataDir === undefined) throw new Error('a saved state needs the data directory that it was saved for');
  return checkState(state);
}

async function upstreamOf(options: UpstreamOptions): Promise<ServicesUpstream> {
  const client = new UpstreamClient(options);
  const { cacheDir, secrets: readsSecrets = false } = options;
  // What was read with credentials must not be found without them.
  const owner = JSON.stringify([client.rootUrl, client.clientId ?? null]);
  const cache = cacheDir === undefined ? undefined : await ArtifactCache.open(cacheDir, owner);
  return { client, cache, readsSecrets };
}

/**
 * Returns the given roles, and the default `anonymous` unless one of them replaces it. Throws an Error for an invalid
 * role.
 */
function rolesOf(given: readonly NewRole[], now: () => Date): RoleTable {
  const roles = new RoleTable(now);
  roles.set('anonymous', ANONYMOUS_SCOPES);
  for (const role of given) roles.define(role);
  return roles;
}

async function startAdmin({ traffic, services }: Parts, port: number): Promise<AdminServer> {
  const { terminations } = services;
  return AdminServer.start({ faults: traffic.faults, calls: traffic.calls, terminations }, port);
}

async function shutDown(parts: Parts): Promise<void> {
  const { app, services, store, cache, closing, admin, temporaryDir } = parts;
  closing.abort();
  await parts.builtInPools;
  services.queue.close();
  await app.close();
  await admin?.close();
  await store.idle();
  await cache?.idle();
  if (temporaryDir !== undefined) await rm(temporaryDir, { recursive: true, force: true });
}

/**
 * Returns the address of the server for clients on this machine: the loopback address if it listens on all addresses.
 */
function rootUrlOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
