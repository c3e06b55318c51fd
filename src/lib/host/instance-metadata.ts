import got, { HTTPError } from 'got';
import type { Response } from 'got';
import { trimEnd } from '../util/trim-end.js';

const TOKEN_SECONDS = 6 * 60 * 60;
// A session is renewed well before it ends.
const TOKEN_LIFE_MS = (TOKEN_SECONDS - 300) * 1000;
// The service is on the machine itself: an answer that takes longer isn't coming.
const TIMEOUT_MS = 2000;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

/**
 * The instance metadata service of EC2, below `<url>/latest`. Asks by version 2 (with a session token), and by version 1
 * on machines whose service has no tokens or doesn't get them through to where the worker runs.
 */
export class InstanceMetadata {
  readonly #baseUrl: string;
  readonly #now: () => Date;
  #session: { readonly token: Promise<string | undefined>; readonly until: number } | undefined;

  /** `url` without a path. */
  constructor(url: string, now: () => Date = () => new Date()) {
    this.#baseUrl = `${trimEnd(url, '/')}/latest`;
    this.#now = now;
  }

  /** The text at a path such as `/meta-data/instance-id`; undefined: there is none. One attempt. */
  async get(path: string, signal: AbortSignal): Promise<string | undefined> {
    let answer = await this.#request(path, signal);
    if (answer.statusCode === UNAUTHORIZED) {
      this.#session = undefined;
      answer = await this.#request(path, signal);
    }
    if (answer.statusCode === NOT_FOUND) return undefined;
    if (answer.statusCode !== 200) throw new HTTPError(answer);
    return answer.body;
  }

  async #request(path: string, signal: AbortSignal): Promise<Response<string>> {
    const token = await this.#token(signal);
    return await got(`${this.#baseUrl}${path}`, {
      headers: token === undefined ? {} : { 'x-aws-ec2-metadata-token': token },
      // The service itself answers; the token is for nobody else.
      followRedirect: false,
      timeout: { request: TIMEOUT_MS },
      retry: { limit: 0 },
      throwHttpErrors: false,
      signal,
    });
  }

  async #token(signal: AbortSignal): Promise<string | undefined> {
    const now = this.#now().getTime();
    if (!this.#session || now >= this.#session.until) {
      const token = this.#newToken(signal);
      this.#session = { token, until: now + TOKEN_LIFE_MS };
      // Somebody else's stop is none of those that ask later.
      token.catch(() => {
        this.#session = undefined;
      });
    }
    return await this.#session.token;
  }

  async #newToken(signal: AbortSignal): Promise<string | undefined> {
    try {
      return await got
        .put(`${this.#baseUrl}/api/token`, {
          headers: { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) },
          followRedirect: false,
          timeout: { request: TIMEOUT_MS },
          retry: { limit: 0 },
          signal,
        })
        .text();
    } catch (error) {
      signal.throwIfAborted();
      // No tokens here; what is really wrong, if anything, the request without one will show.
      if (error instanceof Error) return undefined;
      throw error;
    }
  }
}
