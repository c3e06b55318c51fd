import { ApiError } from '../http/api-error.js';

/** A client with a permanent access token. */
export interface PermanentClient {
  readonly clientId: string;
  readonly accessToken: string;
  /** The scopes as granted: roles are expanded when the client is used. */
  readonly scopes: readonly string[];
}

/** A client with everything that is stored about it; times are ISO strings. */
export interface ClientRecord extends PermanentClient {
  readonly description: string;
  readonly expires: string;
  readonly deleteOnExpiration: boolean;
  readonly isDisabled: boolean;
  readonly created: string;
  readonly lastModified: string;
  readonly lastDateUsed: string;
  readonly lastRotated: string;
}

// The server's own clients practically never expire.
const NEVER = '3000-01-01T00:00:00.000Z';

/** The permanent clients, by id. */
export class ClientTable {
  readonly #clients = new Map<string, ClientRecord>();
  readonly now: () => Date;

  constructor(now: () => Date) {
    this.now = now;
  }

  /** Adds a client, or replaces the one with that id. */
  set(client: PermanentClient & Partial<ClientRecord>): ClientRecord {
    const now = this.now().toJSON();
    const times = { created: now, lastModified: now, lastDateUsed: now, lastRotated: now };
    const rest = { description: '', expires: NEVER, deleteOnExpiration: false, isDisabled: false };
    const record = { ...rest, ...times, ...client };
    this.#clients.set(client.clientId, record);
    return record;
  }

  find(clientId: string): ClientRecord | undefined {
    const client = this.#clients.get(clientId);
    if (client?.deleteOnExpiration && this.#hasExpired(client)) this.#clients.delete(clientId);
    return this.#clients.get(clientId);
  }

  /** Returns the client. Throws ResourceNotFound. */
  get(clientId: string): ClientRecord {
    const client = this.find(clientId);
    if (!client) throw new ApiError('ResourceNotFound', `There is no client ${clientId}.`);
    return client;
  }

  /**
   * Returns the client, to check a request that it signed. Throws an Error that says why the client can't sign
   * requests.
   */
  use(clientId: string): PermanentClient {
    const client = this.find(clientId);
    if (!client) throw new Error(`client ${clientId} not found`);
    if (client.isDisabled) throw new Error(`client ${clientId} is disabled`);
    if (this.#hasExpired(client)) throw new Error(`client ${clientId} has expired`);
    this.#clients.set(clientId, { ...client, lastDateUsed: this.now().toJSON() });
    return client;
  }

  /** Changes the client. Throws ResourceNotFound. */
  change(clientId: string, changes: Partial<Omit<ClientRecord, 'clientId'>>): ClientRecord {
    const changed = { ...this.get(clientId), ...changes, lastModified: this.now().toJSON() };
    this.#clients.set(clientId, changed);
    return changed;
  }

  delete(clientId: string): void {
    this.#clients.delete(clientId);
  }

  /** Returns the clients whose ids begin with `prefix`. */
  list(prefix: string): readonly ClientRecord[] {
    return [...this.#clients.keys()].filter((id) => id.startsWith(prefix)).flatMap((id) => this.find(id) ?? []);
  }

  #hasExpired({ expires }: ClientRecord): boolean {
    return new Date(expires) < this.now();
  }
}
