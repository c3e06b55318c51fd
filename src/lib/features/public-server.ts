import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../log/logger.js';
import { answerHalfClosed } from '../util/answer-half-closed.js';
import { ConnectionLimiter } from '../util/connection-limiter.js';
import { openFilesLimit } from '../util/open-files-limit.js';
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

export interface PublicServer {
  readonly server: Server;
  /** Requests that named a secret are to be held. */
  readonly limiter: ConnectionLimiter;
  readonly renewal: CertificateRenewal | undefined;
}

/**
 * An HTTP server for strangers, with limits on what one can cost before it has said who it is. It listens when this
 * resolves; fails as the system or the certificate does. `renewal` is there with TLS.
 */
export async function startPublicServer(
  { port, host, tls, log }: PublicServerOptions,
  { waiting, connections, requestMs }: PublicServerLimits,
): Promise<PublicServer> {
  const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs, connectionsCheckingInterval: requestMs / 2 };
  const http = { ...HTTP_OPTIONS, ...timeouts };
  const secure =
    tls && createHttpsServer({ ...http, handshakeTimeout: requestMs, allowHalfOpen: true, ...tls.current });
  const server = secure ?? createHttpServer(http);
  answerHalfClosed(server);
  const share = Math.floor((await openFilesLimit()) / FILES_PER_SHARE);
  const limits = { waiting: Math.min(waiting, share), held: Math.min(connections, share) };
  const limiter = new ConnectionLimiter(server, limits);
  server.listen(port, host);
  await once(server, 'listening');
  return { server, limiter, renewal: secure && new CertificateRenewal(tls, secure, log) };
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
