import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
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
import type { ContentLengthRule } from './schemas/artifact-schemas.js';
import type { TerminationDecision, WorkerKey } from './schemas/worker-schemas.js';
import { Services } from './services.js';

const DEFAULT_CLAIM_TIMEOUT_MS = 20 * 60_000;
const DEFAULT_LONG_POLL_MS = 20_000;
const DEFAULT_CREDENTIALS_GRACE_MS = 15 * 60_000;
const LONGEST_PARAMETER = 4096;

export interface LocalTaskclusterOptions {
  /** Address to listen on, 127.0.0.1 when not given. */
  readonly host?: string;
  /** Any free port when not given, or 0. */
  readonly port?: number;
  /** Where objects are kept. Without it they are in a temporary directory that `close` removes. */
  readonly dataDir?: string;
  /** The client that may do everything; clientId `static/local/root` and a random token when not given. */
  readonly credentials?: { readonly clientId: string; readonly accessToken: string };
  /** How long a claim lasts without being renewed; 20 minutes when not given. */
  readonly claimTimeoutMs?: number;
  /**
   * How long a claim's credentials are to be good for beyond the claim; 15 minutes when not given. They are accepted for
   * 5 minutes more, as clocks differ; a negative number takes that away too.
   */
  readonly credentialsGraceMs?: number;
  /** How long claimWork waits for work; 20 seconds when not given. */
  readonly longPollMs?: number;
  /** Roles that there are from the start, beside `anonymous` or in its place. */
  readonly roles?: readonly NewRole[];
  /** `refused` makes createArtifact answer 400 to a `contentLength`, as queues of before 96.7 do. */
  readonly artifactContentLength?: ContentLengthRule;
  /** The clock of tasks, claims, certificates and addresses; what falls due by it needs a timer or `resolveDue`. */
  readonly now?: () => Date;
  /** Port for the admin API on the loopback address, 0 for any free one; there is none when not given. */
  readonly adminPort?: number;
}

interface Parts {
  readonly app: FastifyInstance;
  readonly services: Services;
  readonly clients: ClientTable;
  readonly roles: RoleTable;
  readonly store: ObjectStore;
  readonly traffic: Traffic;
  readonly closing: AbortController;
  admin: AdminServer | undefined;
  readonly temporaryDir: string | undefined;
}

/** A Taskcluster for one machine: its services and object storage in this process, behind one address. */
export class LocalTaskcluster {
  readonly rootUrl: string;
  /** Of the client that may do everything. */
  readonly credentials: Credentials;
  readonly #parts: Parts;

  private constructor(rootUrl: string, credentials: Credentials, parts: Parts) {
    this.rootUrl = rootUrl;
    this.credentials = credentials;
    this.#parts = parts;
  }

  /** Listens once it resolves; rejects when the address can't be had. */
  static async start(options: LocalTaskclusterOptions = {}): Promise<LocalTaskcluster> {
    const credentials = options.credentials ?? { clientId: 'static/local/root', accessToken: newAccessToken() };
    const host = options.host ?? '127.0.0.1';
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

  /** Where the admin API is, if there is one. */
  get adminUrl(): string | undefined {
    return this.#parts.admin?.url;
  }

  /** What goes wrong on purpose. */
  get faults(): Pick<FaultRules, 'add' | 'list' | 'clear'> {
    return this.#parts.traffic.faults;
  }

  /** The requests that came in. */
  get calls(): Pick<CallLog, 'list' | 'clear'> {
    return this.#parts.traffic.calls;
  }

  /** Adds a client, or replaces the one of that id. */
  addClient(client: PermanentClient): void {
    this.#parts.clients.set(client);
  }

  /** Adds a role, or replaces the one of that id; whoever has `assume:<roleId>` has its scopes. */
  addRole(roleId: string, scopes: readonly string[]): void {
    this.#parts.roles.set(roleId, scopes);
  }

  /** What shouldWorkerTerminate answers about the worker from now on; before that, that nothing was decided. */
  decideTermination(worker: WorkerKey, decision: TerminationDecision): void {
    this.#parts.services.terminations.decide(worker, decision);
  }

  /** Expires claims and deadlines that are due by the clock now; for clocks that do not pass by themselves. */
  resolveDue(): void {
    this.#parts.services.queue.resolveDue();
  }

  /** Ends long polls and connections at once and removes the temporary directory. Harmless when called again. */
  async close(): Promise<void> {
    await shutDown(this.#parts);
  }
}

async function assemble(options: LocalTaskclusterOptions, root: Omit<PermanentClient, 'scopes'>): Promise<Parts> {
  const now = options.now ?? (() => new Date());
  const [clients, roles] = [new ClientTable(now), rolesOf(options.roles ?? [], now)];
  clients.set({ ...root, scopes: ['*'] });
  const temporaryDir = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'local-taskcluster-')) : undefined;
  const store = new ObjectStore(join(options.dataDir ?? temporaryDir ?? '', 'objects'), now);
  const services = new Services({
    store,
    queue: {
      claimTimeoutMs: options.claimTimeoutMs ?? DEFAULT_CLAIM_TIMEOUT_MS,
      longPollMs: options.longPollMs ?? DEFAULT_LONG_POLL_MS,
      credentialsGraceMs: options.credentialsGraceMs ?? DEFAULT_CREDENTIALS_GRACE_MS,
    },
    artifactContentLength: options.artifactContentLength ?? 'taken',
    clients,
    roles,
    now,
  });
  const { endpoints, urls } = services;
  const closing = new AbortController();
  const app = fastify({
    forceCloseConnections: true,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    frameworkErrors: (error, request, reply) =>
      void sendError(request, reply, { method: { name: 'unknown' }, error, time: now() }),
  });
  const traffic = new Traffic(now);
  const context = { authenticator: new Authenticator({ clients, roles, now }), now, closing: closing.signal, traffic };
  registerRootRoutes(app, Object.keys(endpoints), now);
  for (const [name, methods] of Object.entries(endpoints)) await registerService(app, name, methods, context);
  await registerObjectRoutes(app, { store, urls, traffic });
  return { app, services, clients, roles, store, traffic, closing, admin: undefined, temporaryDir };
}

/** Those given, beside what everybody may do unless one of them says that too. Throws an Error for one that can't be. */
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

async function shutDown({ app, services, store, closing, admin, temporaryDir }: Parts): Promise<void> {
  closing.abort();
  services.queue.close();
  await app.close();
  await admin?.close();
  await store.idle();
  if (temporaryDir !== undefined) await rm(temporaryDir, { recursive: true, force: true });
}

/** Where clients on this machine reach the server; one that listens everywhere is reached on the loopback address. */
function rootUrlOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
