/** A client with a lasting access token. */
export interface PermanentClient {
  readonly clientId: string;
  readonly accessToken: string;
  /** As granted: roles are expanded when the client is used. */
  readonly scopes: readonly string[];
}

/** The permanent clients, by id. */
export class ClientTable {
  readonly #clients = new Map<string, PermanentClient>();

  set(client: PermanentClient): void {
    this.#clients.set(client.clientId, client);
  }

  get(clientId: string): PermanentClient | undefined {
    return this.#clients.get(clientId);
  }
}
