import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { sameText } from '../auth/same-text.js';

/**
 * Who may use the page: those who know the token of this start, which they exchange for a cookie. The cookie's value is
 * derived from the token, so that it does not reveal it.
 */
export class PageSession {
  readonly token = newToken();
  readonly #openings = new Set<string>();
  readonly #value = createHmac('sha256', this.token).update('the cookie of the page').digest('base64url');

  /** Returns a token that begins one session, for an address that others can see before it is opened. */
  newOpening(): string {
    const opening = newToken();
    this.#openings.add(opening);
    return opening;
  }

  /** Returns whether this begins a session: the token of the start, or an opening, which is used up by that. */
  isToken(given: string): boolean {
    return this.#openings.delete(given) || sameText(given, this.token);
  }

  /** Returns whether the request has the session's cookie. */
  isIn(request: IncomingMessage): boolean {
    const name = cookieName(request);
    return cookiesOf(request.headers.cookie ?? '').some(([key, value]) => key === name && sameText(value, this.#value));
  }

  /** Returns the Set-Cookie header that begins the session. It lasts until the browser or the server ends. */
  cookieFor(request: IncomingMessage): string {
    return `${cookieName(request)}=${this.#value}; Path=/; HttpOnly; SameSite=Strict`;
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Browsers send a cookie to every port of its host: the name tells the servers of one machine apart. */
function cookieName({ socket }: IncomingMessage): string {
  return `tc-page-${socket.localPort ?? 0}`;
}

function cookiesOf(header: string): readonly (readonly [string, string])[] {
  return header.split(';').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
  });
}
