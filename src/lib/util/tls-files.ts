import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
}

/** In PEM format. */
export interface TlsKeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A server's certificate and key, which the operator may renew on disk while the server runs. */
export class TlsFiles {
  readonly #paths: TlsPaths;
  #current: TlsKeyPair;
  /** Stamp of the files when they were last read or found unusable. */
  #seen: string;

  private constructor(paths: TlsPaths, current: TlsKeyPair, seen: string) {
    this.#paths = paths;
    this.#current = current;
    this.#seen = seen;
  }

  /** Throws if a file can't be read or has the wrong format, or if the two don't match. */
  static async read(paths: TlsPaths): Promise<TlsFiles> {
    const seen = await stampOf(paths);
    return new TlsFiles(paths, await load(paths), seen);
  }

  get current(): TlsKeyPair {
    return this.#current;
  }

  /**
   * Returns the files' content if they changed since the last check, else undefined. Throws once for each change to
   * unusable content, such as a new certificate whose key is not written yet; `current` then stays the same.
   */
  async renewed(): Promise<TlsKeyPair | undefined> {
    const stamp = await stampOf(this.#paths);
    if (stamp === this.#seen) return undefined;
    this.#seen = stamp;
    this.#current = await load(this.#paths);
    return this.#current;
  }
}

/** Returns when the certificate expires. In a chain, the first certificate is the server's own. */
export function certificateEnd({ cert }: Pick<TlsKeyPair, 'cert'>): Date {
  return new Date(new X509Certificate(cert).validTo);
}

async function load({ certificate, key }: TlsPaths): Promise<TlsKeyPair> {
  const [cert, privateKey] = await Promise.all([readFile(certificate), readFile(key)]);
  const pair = { cert, key: privateKey };
  createSecureContext(pair);
  return pair;
}

/** Follows links: a renewed certificate is usually a new file behind an old name. */
async function stampOf({ certificate, key }: TlsPaths): Promise<string> {
  const stats = await Promise.all([certificate, key].map((path) => stat(path, { bigint: true })));
  return stats.map(({ ino, mtimeNs, size }) => `${ino}:${mtimeNs}:${size}`).join(' ');
}
