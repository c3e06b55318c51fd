import type { IncomingMessage } from 'node:http';
import { ApiError } from '../http/api-error.js';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Throws InsufficientScopes (403) unless the request names a host that this server has. Otherwise a foreign web page
 * could let its own name point here, and would then count as the same origin. `configured` is the host of the root URL.
 */
export function checkHost({ headers, socket }: IncomingMessage, configured: string): void {
  const port = socket.localPort ?? 0;
  const names = [...LOOPBACK, bracketed(configured), bracketed((socket.localAddress ?? '').replace(/^::ffff:/, ''))];
  const allowed = names.map((name) => `${name}:${port}`.toLowerCase());
  if (port === 80) allowed.push(...names);
  const host = headers.host?.toLowerCase() ?? '';
  if (allowed.includes(host)) return;
  throw new ApiError(
    'InsufficientScopes',
    `The page is not at ${JSON.stringify(host)}: open it under ${allowed[1] ?? ''}.`,
  );
}

/**
 * Throws InsufficientScopes (403) for a request that another web page makes, also one at another port of this host.
 * Browsers tell by `Origin` or `Sec-Fetch-Site`; programs send neither.
 */
export function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host = '' } = headers;
  const site = headers['sec-fetch-site'];
  const isSameOrigin = origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  if (isSameOrigin && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new ApiError('InsufficientScopes', 'Only the page itself may ask this, and no other web page.');
}

function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
}
