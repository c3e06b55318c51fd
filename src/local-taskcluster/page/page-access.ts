import type { FastifyRequest } from 'fastify';
import type { Identity } from '../auth/authenticator.js';
import { ApiError } from '../http/api-error.js';
import { checkHost, checkOrigin } from './check-origin.js';
import { PageSession } from './page-session.js';

/** The header of each request that the page makes. Foreign pages can't send it without being asked for it first. */
const PAGE_HEADER = 'x-taskcluster-page';

/** What the user of the page may do: everything, as the client with all scopes. */
export class PageAccess {
  readonly session = new PageSession();
  readonly #host: string;
  readonly #clientId: string;

  /** `host` is that of the root URL, `clientId` that of the client with all scopes. */
  constructor(host: string, clientId: string) {
    this.#host = host;
    this.#clientId = clientId;
  }

  /** Throws InsufficientScopes (403) for a name that this server does not have. */
  checkHost(request: FastifyRequest): void {
    checkHost(request.raw, this.#host);
  }

  /** Throws unless the page itself asks: InsufficientScopes (403) for others, AuthenticationFailed without its cookie. */
  check(request: FastifyRequest): void {
    checkHost(request.raw, this.#host);
    checkOrigin(request.raw);
    if (this.session.isIn(request.raw)) return;
    throw new ApiError(
      'AuthenticationFailed',
      'The session of the page is over: open the address that the server printed.',
    );
  }

  /** Does the same for a request that changes something: it needs the header of the page. */
  checkChange(request: FastifyRequest): void {
    if (request.headers[PAGE_HEADER] !== '1') throw new ApiError('InsufficientScopes', 'Only the page may ask this.');
    this.check(request);
  }

  /** Returns who calls a method of a service; undefined when it is not the page. Throws like `check`. */
  identityOf(request: FastifyRequest): Identity | undefined {
    const { headers } = request;
    if (headers[PAGE_HEADER] === undefined || headers.authorization !== undefined) return undefined;
    this.checkChange(request);
    return { clientId: this.#clientId, scopes: ['*'] };
  }
}
