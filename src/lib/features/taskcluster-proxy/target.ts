import { trimEnd } from '../../util/trim-end.js';

// As hawk reads URLs it would escape these, and sign another path than the one that is sent.
const UNSAFE = /[^\x21-\x7e]|["#'<>\\^`{|}]/g;
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Where a request of the task's goes: only ever to `rootUrl`. `path` is as it was received, query and all:
 * `/api/<service>/<version>/…`, the same without `/api`, or either behind the host of `rootUrl` (`/tc.example.com/api/…`).
 * undefined: nowhere.
 */
export function targetOf(path: string, rootUrl: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const safe = escapeUnsafe(path);
  // Nobody but the services is to be reached by what looks like the path of one.
  const [place = ''] = safe.split('?', 1);
  if (DOT_SEGMENT.test(place)) return undefined;
  const [first = ''] = place.slice(1).split('/', 1);
  const rest = safe.slice(1 + first.length);
  if (first === 'api') return serviceUrl(rest, rootUrl);
  const { host, origin } = new URL(rootUrl);
  if (first.toLowerCase() === host) return `${origin}${rest.startsWith('/') ? '' : '/'}${rest}`;
  return first.includes('.') || first.includes(':') ? undefined : serviceUrl(safe, rootUrl);
}

/** The URL that a task wants to be signed, if it is one of the deployment's. */
export function signableUrl(text: string, rootUrl: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { origin, pathname, search, username, password } = new URL(text);
  if (origin !== new URL(rootUrl).origin || username !== '' || password !== '') return undefined;
  return origin + escapeUnsafe(pathname + search);
}

function serviceUrl(path: string, rootUrl: string): string | undefined {
  if (!/^\/[^/?]+\/[^/?]+\//.test(path)) return undefined;
  // Without a port that goes without saying, as URLs are compared and taken apart elsewhere.
  const { origin, pathname } = new URL(rootUrl);
  return `${origin}${trimEnd(pathname, '/')}/api${path}`;
}

function escapeUnsafe(path: string): string {
  // A received path has a character for each byte.
  return path.replace(UNSAFE, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
