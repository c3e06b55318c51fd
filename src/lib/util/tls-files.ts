import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
}

/** PEM. */
export interface TlsKeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A server's certificate and key, which somebody may renew on disk while the server runs. */
export class TlsFiles {
  readonly #paths: TlsPaths;
  #current: TlsKeyPair;
  /** Of the files as they were read or found unusable last. */
  #seen: string;

  private constructor(paths: TlsPaths, current: TlsKeyPair, seen: string) {
    this.#paths = paths;
    this.#current = current;
    this.#seen = seen;
  }

  /** Fails when a file can't be read, is none of its kind, or the two don't belong together. */
  static async read(paths: TlsPaths): Promise<TlsFiles> {
    const seen = await stampOf(paths);
    return new TlsFiles(paths, await load(paths), seen);
  }

  get current(): TlsKeyPair {
    return this.#current;
  }

  /**
   * What the files hold if they changed since they were looked at last, else undefined. Fails once for each change to
   * something unusable, such as a new certificate whose key is yet to be written; `current` stays as it was.
   */
  async renewed(): Promise<TlsKeyPair | undefined> {
    const stamp = await stampOf(this.#paths);
    if (stamp === this.#seen) return undefined;
    this.#seen = stamp;
    this.#current = await load(this.#paths);
    return this.#current;
  }
}

/** When the certificate is not good any more. Of a chain it is the first, which is the server's own. */
export function certificateEnd({ cert }: Pick<TlsKeyPair, 'cert'>): Date {
  return new Date(new X509Certificate(cert).validTo);
}

async function load({ certificate, key }: TlsPaths): Promise<TlsKeyPair> {
  const [cert, privateKey] = await Promise.all([readFile(certificate), readFile(key)]);
  const pair = { cert, key: privateKey };
  createSecureContext(pair);
  return pair;
}

/** Follows links: renewed certificates are as a rule new files behind an old name. */
async function stampOf({ certificate, key }: TlsPaths): Promise<string> {
  const stats = await Promise.all([certificate, key].map((path) => stat(path, { bigint: true })));
  return stats.map(({ ino, mtimeNs, size }) => `${ino}:${mtimeNs}:${size}`).join(' ');
}
