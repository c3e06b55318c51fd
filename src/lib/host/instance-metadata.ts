import got, { HTTPError } from 'got';
import type { Response } from 'got';
import { trimEnd } from '../util/trim-end.js';

const TOKEN_SECONDS = 6 * 60 * 60;
// A session is renewed well before it expires.
const TOKEN_LIFE_MS = (TOKEN_SECONDS - 300) * 1000;
// The service is on the machine itself: an answer that takes longer won't come.
const TIMEOUT_MS = 2000;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

/**
 * A client of EC2's instance metadata service, below `<url>/latest`. Uses version 2 (with a session token), or version
 * 1 on machines whose service has no tokens or whose tokens don't reach the worker.
 */
export class InstanceMetadata {
  readonly #baseUrl: string;
  readonly #now: () => Date;
  #session: { readonly token: Promise<string | undefined>; readonly until: number } | undefined;

  /** `url` has no path. */
  constructor(url: string, now: () => Date = () => new Date()) {
    this.#baseUrl = `${trimEnd(url, '/')}/latest`;
    this.#now = now;
  }

  /** Returns the text at a path such as `/meta-data/instance-id`; undefined if there is none. Makes one attempt. */
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
      // Only the service itself may get the token.
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
      // A request that its caller aborted must not fail later ones.
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
      // There are no tokens here; if anything else is wrong, the request without one will show it.
      if (error instanceof Error) return undefined;
      throw error;
    }
  }
}
