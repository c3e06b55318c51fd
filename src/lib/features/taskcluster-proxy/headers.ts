import type { IncomingMessage } from 'node:http';

export type Headers = Readonly<Record<string, readonly string[]>>;

/** Said by one of two neighbours to the other, and by nobody to whoever comes behind (RFC 9110, 7.6.1). */
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

/** All headers of a message that are meant for whoever gets it in the end. */
function endToEnd({ headersDistinct }: IncomingMessage, dropped: readonly string[]): Record<string, readonly string[]> {
  const named = (headersDistinct['connection'] ?? []).flatMap((value) => value.split(','));
  const drop = new Set([...HOP_BY_HOP, ...dropped, ...named.map((name) => name.trim().toLowerCase())]);
  return Object.fromEntries(
    Object.entries(headersDistinct).flatMap(([name, values]) => (values && !drop.has(name) ? [[name, values]] : [])),
  );
}

/**
 * What goes on to the service of a request's headers. Its length does not: the body may be sent in another way. A body
 * without a type is taken for JSON, which is what services understand.
 */
export function requestHeaders(request: IncomingMessage, hasBody: boolean): Headers {
  const headers = endToEnd(request, ['host', 'authorization', 'expect', 'content-length']);
  return hasBody ? { 'content-type': ['application/json'], ...headers } : headers;
}

/** What goes back to the task of an answer's headers. */
export function responseHeaders(response: IncomingMessage): Headers {
  return endToEnd(response, []);
}
