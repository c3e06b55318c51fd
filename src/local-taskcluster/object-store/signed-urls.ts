import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LIFETIME_MS = 45 * 60_000;

export type ObjectMethod = 'GET' | 'PUT';

/** Makes and checks addresses below /objects that allow one method on one object for 45 minutes, whoever holds them. */
export class SignedUrls {
  readonly #key = randomBytes(32);
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  sign(baseUrl: string, method: ObjectMethod, key: string): { readonly url: string; readonly expires: Date } {
    const expires = new Date(this.#now().getTime() + LIFETIME_MS);
    const path = key.split('/').map(encodeURIComponent).join('/');
    const query = new URLSearchParams({
      expires: String(expires.getTime()),
      signature: this.#signature(method, key, expires.getTime()),
    });
    return { url: `${baseUrl}/objects/${path}?${query.toString()}`, expires };
  }

  /** True while an address that `sign` made for this method and object is valid. */
  verify(
    method: ObjectMethod,
    key: string,
    query: { readonly expires?: string; readonly signature?: string },
  ): boolean {
    const expires = Number(query.expires);
    if (!(expires > this.#now().getTime())) return false;
    const expected = Buffer.from(this.#signature(method, key, expires));
    const given = Buffer.from(query.signature ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #signature(method: ObjectMethod, key: string, expires: number): string {
    return createHmac('sha256', this.#key).update(`${method}\n${expires}\n${key}`).digest('base64url');
  }
}
