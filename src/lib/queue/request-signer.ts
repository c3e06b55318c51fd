import { client as hawk } from 'hawk';
import type { TaskRights } from './queue-client.js';

/** Signs requests to Taskcluster services (Hawk) with a run's latest credentials, limited to its rights. */
export class RequestSigner {
  readonly #rights: TaskRights;

  constructor(rights: TaskRights) {
    this.#rights = rights;
  }

  /** Returns the Authorization header of one request. Its path must be sent exactly as signed. */
  authorization(method: string, url: string): string {
    return hawk.header(url, method, { credentials: this.#key(), ext: this.#ext() }).header;
  }

  /** Returns a URL that grants these rights to any client that GETs it for `ttlSeconds`: a secret. */
  signedUrl(url: string, ttlSeconds: number): string {
    const options = { credentials: this.#key(), ttlSec: ttlSeconds, localtimeOffsetMsec: 0, ext: this.#ext() };
    return `${url}${url.includes('?') ? '&' : '?'}bewit=${hawk.getBewit(url, options)}`;
  }

  #key(): { readonly id: string; readonly key: string; readonly algorithm: 'sha256' } {
    const { clientId, accessToken } = this.#rights.credentials.current;
    return { id: clientId, key: accessToken, algorithm: 'sha256' };
  }

  #ext(): string {
    const { certificate } = this.#rights.credentials.current;
    const ext = {
      ...(certificate !== undefined && { certificate: JSON.parse(certificate) as unknown }),
      authorizedScopes: this.#rights.scopes,
    };
    return Buffer.from(JSON.stringify(ext)).toString('base64');
  }
}
