import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface PublicServerOptions {
  /** 0: any free port. */
  readonly port: number;
  /** The address to listen on; default: all. */
  readonly host?: string | undefined;
  /** PEM; undefined: plain HTTP. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** What may be open at once; more are cut off. */
  readonly connections: number;
}

const HTTP_OPTIONS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
  // Peers that vanished without a word are found by the kernel.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * An HTTP server for strangers, with limits on what one can cost before it has said who it is. It listens when this
 * resolves; fails as the system or the certificate does.
 */
export async function startPublicServer({ port, host, tls, connections }: PublicServerOptions): Promise<Server> {
  const server = tls
    ? createHttpsServer({ ...HTTP_OPTIONS, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...tls })
    : createHttpServer(HTTP_OPTIONS);
  server.maxConnections = connections;
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A host name or address as URLs have it. */
export function urlHost(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
