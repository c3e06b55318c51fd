import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type {
  ClientCredentials,
  ClientOptions,
  ObjectService,
  Queue,
  TaskClaim,
  TaskclusterClientError,
} from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import type { LocalTaskclusterOptions } from '../../../src/local-taskcluster/server.js';
import { CliClient } from '../../support/cli-client.js';

export const POOL = 'local/pool';
export const WORKER = { workerGroup: 'here', workerId: 'worker-1' };

/** A clock that only advances on request. */
export class ManualClock {
  // Starts at the present, because clients sign with the real clock.
  #now = new Date(new Date().setUTCMilliseconds(120));
  readonly now = (): Date => this.#now;

  advance(minutes: number): void {
    this.#now = new Date(this.#now.getTime() + minutes * 60_000);
  }
}

/** A server of its own for each test of the surrounding `describe`, with clients for it. */
export class Deployment {
  #server: LocalTaskcluster | undefined;

  constructor(options: () => LocalTaskclusterOptions = () => ({})) {
    beforeEach(async () => {
      this.#server = await LocalTaskcluster.start({ longPollMs: 5000, ...options() });
    });
    afterEach(() => this.#server?.close());
  }

  get server(): LocalTaskcluster {
    if (!this.#server) throw new Error('the server is there while a test runs');
    return this.#server;
  }

  /** The command line client; with the root credentials unless others are given. */
  cli(credentials: ClientCredentials = this.server.credentials): CliClient {
    return new CliClient(this.server.rootUrl, credentials);
  }

  anonymousCli(): CliClient {
    return new CliClient(this.server.rootUrl);
  }

  /** Options for the client of any service; with the root credentials unless others are given. */
  clientOptions(options: Partial<ClientOptions> = {}): ClientOptions {
    const { rootUrl, credentials } = this.server;
    return { rootUrl, credentials, retries: 0, ...options };
  }

  /** A queue client; with the root credentials unless others are given. */
  queue(options: Partial<ClientOptions> = {}): Queue {
    const { rootUrl, credentials } = this.server;
    return new clients.Queue({ rootUrl, credentials, retries: 0, ...options });
  }

  /** A client of the object service; with the root credentials unless others are given. */
  object(options: Partial<ClientOptions> = {}): ObjectService {
    const { rootUrl, credentials } = this.server;
    return new clients.Object({ rootUrl, credentials, retries: 0, ...options });
  }

  anonymousQueue(): Queue {
    return this.queue({ credentials: {} });
  }

  /** Creates a task and returns its id. */
  async createTask(changes: object = {}, now = new Date()): Promise<string> {
    const taskId = newSlugid();
    await this.queue().createTask(taskId, taskDefinition(changes, now));
    return taskId;
  }

  /** Claims one run. */
  async claim(): Promise<TaskClaim> {
    const { tasks } = await this.queue().claimWork(POOL, { tasks: 1, ...WORKER });
    const [claim] = tasks;
    if (!claim) throw new Error('there was nothing to claim');
    return claim;
  }

  /** Creates a task and claims it; `queue` has the credentials of the claim. */
  async runTask(
    changes: object = {},
    now = new Date(),
  ): Promise<TaskClaim & { readonly taskId: string; readonly queue: Queue }> {
    const taskId = await this.createTask(changes, now);
    const claim = await this.claim();
    return { ...claim, taskId, queue: this.queue({ credentials: claim.credentials }) };
  }
}

export function taskDefinition(changes: object = {}, now = new Date()): object {
  const inHours = (hours: number): string => new Date(now.getTime() + hours * 3_600_000).toJSON();
  return {
    taskQueueId: POOL,
    created: inHours(0),
    deadline: inHours(1),
    expires: inHours(24),
    payload: { command: ['true'] },
    metadata: { name: 'a task', description: 'a task', owner: 'owner@example.com', source: 'https://example.com/' },
    ...changes,
  };
}

/** The refusal that the call ends with; throws when the call succeeds. */
export async function refusalOf(call: Promise<unknown>): Promise<TaskclusterClientError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error) return error as TaskclusterClientError;
    throw error;
  }
  throw new Error('the call was expected to be refused, but it succeeded');
}

export async function statusCodeOf(call: Promise<unknown>): Promise<number> {
  return (await refusalOf(call)).statusCode;
}
