import { X509Certificate, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { PublicHost } from '../host/public-host.js';
import type { Logger } from '../log/logger.js';
import { answerHalfClosed } from '../util/answer-half-closed.js';
import { ConnectionLimiter } from '../util/connection-limiter.js';
import { openFilesLimit } from '../util/open-files-limit.js';
import { certificateEnd } from '../util/tls-files.js';
import type { TlsFiles } from '../util/tls-files.js';

export interface SecretUrlServerOptions {
  /** 0: any free port. */
  readonly port: number;
  /** The address to listen on; default: all. */
  readonly host?: string | undefined;
  /** Where the URLs that are handed out lead. */
  readonly publicHost: PublicHost;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  readonly log: Logger;
}

export interface SecretUrlLimits {
  /** Connections that have not named a secret; one more closes the oldest of the source that has the most. */
  readonly waiting: number;
  /** Connections that have; fewer where the process may not open so many files. */
  readonly connections: number;
  /** How long a connection may take to say what it wants, and to agree on TLS before that. */
  readonly requestMs: number;
}

const HTTP_OPTIONS = {
  maxHeaderSize: 8 * 1024,
  keepAliveTimeout: 5_000,
  // Peers that vanished without a word are found by the kernel.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/** Each server may have this part of the files waiting and as much held. Most held connections need another file. */
const FILES_PER_SHARE = 8;
const TOKEN_BYTES = 32;
const REMEMBERED_TOKENS = 2000;
const IDLE_CHECK_MS = 50;

interface Listening {
  readonly http: Server;
  readonly limiter: ConnectionLimiter;
  /** With TLS. */
  readonly secure: { readonly server: HttpsServer; readonly files: TlsFiles } | undefined;
}

/** What makes a URL secret: 256 random bits, 43 characters of base64url. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * An HTTP server for strangers whose URLs hold a secret token, with limits on what a connection can cost before it has
 * named one. Its user answers the requests and upgrades of `http`; each token leads to a `T`.
 */
export class SecretUrlServer<T> {
  readonly http: Server;
  readonly #limiter: ConnectionLimiter;
  readonly #secure: Listening['secure'];
  readonly #publicHost: PublicHost;
  readonly #log: Logger;
  /** By the SHA-256 of the token: how long a look-up takes says nothing about the tokens there are. */
  readonly #targets = new Map<string, T>();
  /** The same of tokens that have expired, oldest first. */
  readonly #expired = new Set<string>();

  private constructor({ publicHost, log }: SecretUrlServerOptions, { http, limiter, secure }: Listening) {
    this.http = http;
    this.#limiter = limiter;
    this.#secure = secure;
    this.#publicHost = publicHost;
    this.#log = log;
  }

  /** Listens when this resolves; fails as the system or the certificate does. */
  static async start<T>(options: SecretUrlServerOptions, limits: SecretUrlLimits): Promise<SecretUrlServer<T>> {
    const { port, host, tls } = options;
    const { requestMs } = limits;
    const timeouts = {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: requestMs / 2,
    };
    const own = { ...HTTP_OPTIONS, ...timeouts };
    const secure = tls && {
      server: createHttpsServer({ ...own, handshakeTimeout: requestMs, allowHalfOpen: true, ...tls.current }),
      files: tls,
    };
    const http = secure?.server ?? createHttpServer(own);
    answerHalfClosed(http);
    const share = Math.floor((await openFilesLimit()) / FILES_PER_SHARE);
    const limiter = new ConnectionLimiter(http, {
      waiting: Math.min(limits.waiting, share),
      held: Math.min(limits.connections, share),
    });
    http.listen(port, host);
    await once(http, 'listening');
    return new SecretUrlServer(options, { http, limiter, secure });
  }

  /** The port it listens on. */
  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** When the certificate ends that is served from now on; undefined without TLS. */
  async certificateEnd(): Promise<Date | undefined> {
    await this.#renewCertificate();
    return this.#secure && certificateEnd(this.#secure.files.current);
  }

  /** Where the server is reached at least until `expires`, as `https://host:port`. Looks for a renewed certificate too. */
  origin(expires: Date): string {
    void this.#renewCertificate();
    return `http${this.#secure ? 's' : ''}://${this.#publicHost.hostFor(expires)}:${this.port}`;
  }

  /** From now on `find` returns `target` for `token`. */
  open(token: string, target: T): void {
    this.#targets.set(digest(token), target);
  }

  /** `find` does not return the target of `token` any more. Harmless twice. */
  expire(token: string): void {
    const key = digest(token);
    if (!this.#targets.delete(key)) return;
    this.#expired.add(key);
    const [oldest] = this.#expired;
    if (oldest !== undefined && this.#expired.size > REMEMBERED_TOKENS) this.#expired.delete(oldest);
  }

  /** What was opened for `token`; 'expired' for the last 2000 that expired; undefined for any other. */
  find(token: string): T | 'expired' | undefined {
    const key = digest(token);
    return this.#targets.get(key) ?? (this.#expired.has(key) ? 'expired' : undefined);
  }

  /** Keeps the connection of a request that named a secret; see `ConnectionLimiter.hold`. */
  hold({ socket }: IncomingMessage): (() => void) | undefined {
    return this.#limiter.hold(socket);
  }

  /**
   * Takes no new connections and closes those that are idle; cuts the others off after `graceMs`. Resolves when there are
   * none. Harmless twice.
   */
  async close(graceMs = 0): Promise<void> {
    if (!this.http.listening) return;
    const closed = once(this.http, 'close');
    this.http.close();
    // A connection whose answer is complete stays open for a while otherwise.
    const tidy = setInterval(() => {
      this.http.closeIdleConnections();
    }, IDLE_CHECK_MS);
    const cut = setTimeout(() => {
      this.#limiter.destroyAll();
    }, graceMs);
    await closed;
    clearInterval(tidy);
    clearTimeout(cut);
  }

  /** Connections that are open keep their certificate. Never fails: while the files can't be used, nothing changes. */
  async #renewCertificate(): Promise<void> {
    if (!this.#secure) return;
    const { server, files } = this.#secure;
    try {
      const renewed = await files.renewed();
      if (!renewed) return;
      server.setSecureContext(renewed);
      this.#log.info('certificate renewed', { validTo: new X509Certificate(renewed.cert).validTo });
    } catch (error) {
      this.#log.warn('renewed certificate not usable', { error });
    }
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
