import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../log/logger.js';
import type { TlsFiles } from '../util/tls-files.js';
import { CertificateRenewal } from './certificate-renewal.js';

export interface PublicServerOptions {
  /** 0: any free port. */
  readonly port: number;
  /** The address to listen on; default: all. */
  readonly host?: string | undefined;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  readonly log: Logger;
}

export interface PublicServerLimits {
  /** What may be open at once; more are cut off. */
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

/**
 * An HTTP server for strangers, with limits on what one can cost before it has said who it is. It listens when this
 * resolves; fails as the system or the certificate does. `renewal` is there with TLS.
 */
export async function startPublicServer(
  { port, host, tls, log }: PublicServerOptions,
  { connections, requestMs }: PublicServerLimits,
): Promise<{ readonly server: Server; readonly renewal: CertificateRenewal | undefined }> {
  const waiting = { headersTimeout: requestMs, requestTimeout: requestMs, connectionsCheckingInterval: requestMs / 2 };
  const http = { ...HTTP_OPTIONS, ...waiting };
  const secure = tls && createHttpsServer({ ...http, handshakeTimeout: requestMs, ...tls.current });
  const server = secure ?? createHttpServer(http);
  server.maxConnections = connections;
  server.listen(port, host);
  await once(server, 'listening');
  return { server, renewal: secure && new CertificateRenewal(tls, secure, log) };
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
