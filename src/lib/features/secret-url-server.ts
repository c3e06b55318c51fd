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
  /** 0: `preferredPort`, or any port if that is not free. */
  readonly port: number;
  /** The port in the addresses that a previous worker gave to readers of runs that continue. */
  readonly preferredPort?: number | undefined;
  /** The address to listen on; default: all. */
  readonly host?: string | undefined;
  /** The host in the URLs. */
  readonly publicHost: PublicHost;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  readonly log: Logger;
}

export interface SecretUrlLimits {
  /** Connections without a secret so far; one more closes the oldest of the source that has the most. */
  readonly waiting: number;
  /** Connections with a secret; fewer if the process may not open that many files. */
  readonly connections: number;
  /** How long a connection may take for its request, and for the TLS handshake before that. */
  readonly requestMs: number;
}

const HTTP_OPTIONS = {
  maxHeaderSize: 8 * 1024,
  keepAliveTimeout: 5_000,
  // The kernel detects peers that vanished without closing the connection.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;

/** Each server may use 1/8 of the open files for waiting connections and 1/8 for held ones; most of these need two. */
const FILES_PER_SHARE = 8;
const TOKEN_BYTES = 32;
const REMEMBERED_TOKENS = 2000;
const IDLE_CHECK_MS = 50;
/** URLs leave out these ports. */
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['ws:', 80],
  ['https:', 443],
  ['wss:', 443],
]);

interface Listening {
  readonly http: Server;
  readonly limiter: ConnectionLimiter;
  /** Set when TLS is used. */
  readonly secure: { readonly server: HttpsServer; readonly files: TlsFiles } | undefined;
}

/** Returns a secret for a URL: 256 random bits as 43 characters of base64url. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Returns the port of an HTTP or WebSocket URL; undefined if `url` is not such a URL. */
export function portOf(url: string): number | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, port } = new URL(url);
  return port === '' ? DEFAULT_PORTS.get(protocol) : Number(port);
}

/**
 * An HTTP server on an open network whose URLs contain a secret token. It limits what a connection can cost before it
 * has sent one. The caller answers requests and upgrades of `http`; each token maps to a `T`.
 */
export class SecretUrlServer<T> {
  readonly http: Server;
  readonly #limiter: ConnectionLimiter;
  readonly #secure: Listening['secure'];
  readonly #publicHost: PublicHost;
  readonly #log: Logger;
  /** Keyed by the SHA-256 of the token, so that the time of a look-up reveals nothing about existing tokens. */
  readonly #targets = new Map<string, T>();
  /** The same keys for expired tokens, oldest first. */
  readonly #expired = new Set<string>();

  private constructor({ publicHost, log }: SecretUrlServerOptions, { http, limiter, secure }: Listening) {
    this.http = http;
    this.#limiter = limiter;
    this.#secure = secure;
    this.#publicHost = publicHost;
    this.#log = log;
  }

  /** Resolves once the server listens. Throws if it can't listen, or can't use the certificate. */
  static async start<T>(options: SecretUrlServerOptions, limits: SecretUrlLimits): Promise<SecretUrlServer<T>> {
    const { tls } = options;
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
    await listen(http, options);
    return new SecretUrlServer(options, { http, limiter, secure });
  }

  /** The port it listens on. */
  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** Returns when the certificate for new connections expires; undefined without TLS. */
  async certificateEnd(): Promise<Date | undefined> {
    await this.#renewCertificate();
    return this.#secure && certificateEnd(this.#secure.files.current);
  }

  /** Returns `https://host:port`, valid at least until `expires`. Also checks for a renewed certificate. */
  origin(expires: Date): string {
    void this.#renewCertificate();
    return `http${this.#secure ? 's' : ''}://${this.#publicHost.hostFor(expires)}:${this.port}`;
  }

  /** Returns whether requests to `url` come to this server, provided that its host is this machine. */
  isOwnUrl(url: string): boolean {
    return portOf(url) === this.port && /^(?:https|wss):/.test(url) === (this.#secure !== undefined);
  }

  /** Makes `find` return `target` for `token`. */
  open(token: string, target: T): void {
    this.#targets.set(digest(token), target);
  }

  /** Makes `find` no longer return the target of `token`. May be called twice. */
  expire(token: string): void {
    const key = digest(token);
    if (!this.#targets.delete(key)) return;
    this.#expired.add(key);
    const [oldest] = this.#expired;
    if (oldest !== undefined && this.#expired.size > REMEMBERED_TOKENS) this.#expired.delete(oldest);
  }

  /** Returns the target of `token`, 'expired' for the last 2000 expired tokens, or undefined. */
  find(token: string): T | 'expired' | undefined {
    const key = digest(token);
    return this.#targets.get(key) ?? (this.#expired.has(key) ? 'expired' : undefined);
  }

  /** Holds the connection of a request with a valid secret; see `ConnectionLimiter.hold`. */
  hold({ socket }: IncomingMessage): (() => void) | undefined {
    return this.#limiter.hold(socket);
  }

  /**
   * Stops accepting connections and closes idle ones; closes the others after `graceMs`. Resolves when all are closed.
   * May be called twice.
   */
  async close(graceMs = 0): Promise<void> {
    if (!this.http.listening) return;
    const closed = once(this.http, 'close');
    this.http.close();
    // Otherwise a connection whose response is complete stays open for a while.
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

  /** Open connections keep their certificate. Never throws: if the files can't be used, the old certificate stays. */
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

/** Resolves once the server listens. Throws if it can't listen at `port`, or at any. */
async function listen(http: Server, { port, preferredPort, host, log }: SecretUrlServerOptions): Promise<void> {
  if (port === 0 && preferredPort !== undefined) {
    try {
      await listenAt(http, preferredPort, host);
      return;
    } catch (error) {
      log.warn('live addresses of adopted runs lost', { port: preferredPort, error });
    }
  }
  await listenAt(http, port, host);
}

async function listenAt(http: Server, port: number, host: string | undefined): Promise<void> {
  http.listen(port, host);
  await once(http, 'listening');
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
