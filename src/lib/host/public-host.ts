import { isIPv6 } from 'node:net';
import { signedHostname } from './signed-hostname.js';
import type { SigningOptions } from './signed-hostname.js';

/** The host under which clients reach this machine's servers. */
export interface PublicHost {
  /** Returns a name or address, in the form for a URL, that works at least until `expires`. */
  hostFor(expires: Date): string;
}

/** Always the same name or address. */
export class FixedHost implements PublicHost {
  readonly #host: string;

  constructor(host: string) {
    this.#host = isIPv6(host) ? `[${host}]` : host;
  }

  hostFor(): string {
    return this.#host;
  }
}

/** A new name each time, which a stateless DNS server resolves to this machine's address until it expires. */
export class SignedHost implements PublicHost {
  readonly #options: SigningOptions;

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  hostFor(expires: Date): string {
    return signedHostname(expires, this.#options);
  }
}
