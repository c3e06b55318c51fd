import http from 'node:http';
import https from 'node:https';
import type { Got } from 'got';
import got, { HTTPError, RequestError } from 'got';
import { LinkedAbort } from '../util/linked-abort.js';
import { PutError } from './put-error.js';
import type { StagedContent } from './staged-content.js';

/** Sends artifacts to where the queue says, over kept-alive connections. One per worker. */
export class ContentPutter {
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };
  readonly #got: Got;

  /** `inactivityMs`: how long a connection may stand still before the attempt is given up. */
  constructor({ inactivityMs }: { readonly inactivityMs: number }) {
    const options = { keepAlive: true, maxFreeSockets: 32, scheduling: 'lifo' } as const;
    this.#agents = { http: new http.Agent(options), https: new https.Agent(options) };
    this.#got = got.extend({
      agent: this.#agents,
      method: 'PUT',
      retry: { limit: 0 },
      followRedirect: false,
      timeout: { lookup: inactivityMs, connect: inactivityMs, socket: inactivityMs, response: inactivityMs },
    });
  }

  /** One attempt. Fails with a PutError, or with the signal's reason when that aborts. */
  async put(url: string, content: StagedContent, contentType: string, parent: AbortSignal): Promise<void> {
    const abort = new LinkedAbort(parent);
    try {
      const response = await this.#got(url, {
        body: content.body(),
        headers: {
          'content-type': contentType,
          'content-length': String(content.length),
          ...(content.contentEncoding === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
        },
        signal: abort.signal,
      });
      if (response.statusCode >= 300)
        throw new PutError('the artifact store wants to redirect the upload', response.statusCode, undefined);
      // Stores answer an upload with nothing, or with XML: whoever sends a page has stored nothing.
      if (/^text\/html\b/.test(response.headers['content-type'] ?? ''))
        throw new PutError('a web page came in place of the answer of the artifact store', undefined, undefined);
    } catch (error) {
      parent.throwIfAborted();
      throw asPutError(error);
    } finally {
      abort.dispose();
    }
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }
}

// No cause is passed on: got's errors carry the address in their message and options.
function asPutError(error: unknown): Error {
  if (error instanceof HTTPError) {
    const { statusCode, statusMessage, body } = error.response as {
      statusCode: number;
      statusMessage?: string;
      body: unknown;
    };
    const code = typeof body === 'string' ? /<Code>(\w{1,64})<\/Code>/.exec(body)?.[1] : undefined;
    return new PutError(['the artifact store answered', statusCode, code ?? statusMessage].join(' '), statusCode, code);
  }
  if (error instanceof RequestError)
    return new PutError(`the connection to the artifact store failed (${error.code})`, undefined, undefined);
  return error as Error;
}
