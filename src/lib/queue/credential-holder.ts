import type { Credentials, CredentialSource } from './queue-client.js';

/** Credentials that are replaced from time to time: by a reclaim, or by worker-runner. */
export class CredentialHolder implements CredentialSource {
  #current: Credentials;

  constructor(initial: Credentials) {
    this.#current = initial;
  }

  get current(): Credentials {
    return this.#current;
  }

  renew(credentials: Credentials): void {
    this.#current = credentials;
  }
}
