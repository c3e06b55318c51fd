import { trimEnd } from '../../util/trim-end.js';

// When hawk parses a URL it escapes these, and so would sign a different path than the one that is sent.
const UNSAFE = /[^\x21-\x7e]|["#'<>\\^`{|}]/g;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Returns the URL to which a task's request goes, always below `rootUrl`, or undefined. `path` is as received, with its
 * query: `/api/<service>/<version>/…`, the same without `/api`, or either after the host of `rootUrl`
 * (`/tc.example.com/api/…`).
 */
export function targetOf(path: string, rootUrl: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const safe = escapeUnsafe(path);
  // A path that looks like a service's must not lead elsewhere.
  const [place = ''] = safe.split('?', 1);
  if (DOT_SEGMENT.test(place)) return undefined;
  const [first = ''] = place.slice(1).split('/', 1);
  const rest = safe.slice(1 + first.length);
  if (first === 'api') return serviceUrl(rest, rootUrl);
  const { host, origin } = new URL(rootUrl);
  if (first.toLowerCase() === host) return `${origin}${rest.startsWith('/') ? '' : '/'}${rest}`;
  return first.includes('.') || first.includes(':') ? undefined : serviceUrl(safe, rootUrl);
}

/** Returns the URL that a task wants signed, if it belongs to the deployment. */
export function signableUrl(text: string, rootUrl: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { origin, pathname, search, username, password } = new URL(text);
  if (origin !== new URL(rootUrl).origin || username !== '' || password !== '') return undefined;
  return origin + escapeUnsafe(pathname + search);
}

function serviceUrl(path: string, rootUrl: string): string | undefined {
  if (!/^\/[^/?]+\/[^/?]+\//.test(path)) return undefined;
  // Without a default port, because other code compares and parses these URLs.
  const { origin, pathname } = new URL(rootUrl);
  return `${origin}${trimEnd(pathname, '/')}/api${path}`;
}

function escapeUnsafe(path: string): string {
  // A received path has one character per byte.
  return path.replace(UNSAFE, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
