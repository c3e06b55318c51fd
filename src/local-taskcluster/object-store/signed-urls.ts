import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LIFETIME_MS = 45 * 60_000;

export type ObjectMethod = 'GET' | 'PUT';

/** Headers by lower-case name. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

interface SignedRequest {
  readonly query: { readonly expires?: string; readonly headers?: string; readonly signature?: string };
  readonly headers: Headers;
}

/** Makes and checks addresses below /objects. Each allows its holder one method on one object for 45 minutes. */
export class SignedUrls {
  readonly #key = randomBytes(32);
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Signs an address. The request has to have `headers`, and may have others. */
  sign(
    baseUrl: string,
    method: ObjectMethod,
    key: string,
    headers: Readonly<Record<string, string>> = {},
  ): { readonly url: string; readonly expires: Date } {
    const expires = new Date(this.#now().getTime() + LIFETIME_MS);
    const path = key.split('/').map(encodeURIComponent).join('/');
    const names = Object.keys(headers);
    const query = new URLSearchParams({
      expires: String(expires.getTime()),
      ...(names.length > 0 && { headers: names.join(';') }),
      signature: this.#signature([method, key, expires.getTime(), ...spelled(names, headers)]),
    });
    return { url: `${baseUrl}/objects/${path}?${query.toString()}`, expires };
  }

  /** Returns true while an address from `sign` is valid for this method and object and comes with its headers. */
  verify(method: ObjectMethod, key: string, { query, headers }: SignedRequest): boolean {
    const expires = Number(query.expires);
    if (!(expires > this.#now().getTime())) return false;
    const names = query.headers === undefined ? [] : query.headers.split(';');
    const expected = Buffer.from(this.#signature([method, key, expires, ...spelled(names, headers)]));
    const given = Buffer.from(query.signature ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #signature(parts: readonly (string | number)[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64url');
  }
}

function spelled(names: readonly string[], headers: Headers): readonly string[] {
  return names.map((name) => `${name}:${String(headers[name])}`);
}
