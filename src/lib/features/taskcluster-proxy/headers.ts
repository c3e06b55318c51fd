import type { IncomingMessage } from 'node:http';

export type Headers = Readonly<Record<string, readonly string[]>>;

/** Headers for a single connection, which are not forwarded (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Returns the headers that are meant for the final recipient of a message. */
function endToEnd({ headersDistinct }: IncomingMessage, dropped: readonly string[]): Record<string, readonly string[]> {
  const named = (headersDistinct['connection'] ?? []).flatMap((value) => value.split(','));
  const drop = new Set([...HOP_BY_HOP, ...dropped, ...named.map((name) => name.trim().toLowerCase())]);
  return Object.fromEntries(
    Object.entries(headersDistinct).flatMap(([name, values]) => (values && !drop.has(name) ? [[name, values]] : [])),
  );
}

/**
 * Returns the request headers to forward to the service, without its length, since the body may be sent differently. A
 * body without a type counts as JSON, which is what services expect.
 */
export function requestHeaders(request: IncomingMessage, hasBody: boolean): Headers {
  const headers = endToEnd(request, ['host', 'authorization', 'expect', 'content-length']);
  return hasBody ? { 'content-type': ['application/json'], ...headers } : headers;
}

/** Returns the response headers to forward to the task. */
export function responseHeaders(response: IncomingMessage): Headers {
  return endToEnd(response, []);
}
