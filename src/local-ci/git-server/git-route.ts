import { createHash, timingSafeEqual } from 'node:crypto';
import { realUrl, servedPath } from './served-urls.js';
import type { RepositoryName } from './served-urls.js';

/** What a request asks for. */
export type GitRoute =
  /** The list of refs. */
  | { readonly kind: 'refs' }
  /** Objects. */
  | { readonly kind: 'objects' }
  /** Something of the real host. */
  | { readonly kind: 'redirect'; readonly status: 302 | 307; readonly location: string }
  | { readonly kind: 'refusal'; readonly status: number; readonly text: string };

export interface GitRouteOptions {
  /** The first part of each path. */
  readonly token: string;
  readonly names: readonly RepositoryName[];
}

const NOT_FOUND: GitRoute = { kind: 'refusal', status: 404, text: 'There is nothing here.' };
const NO_PUSH: GitRoute = {
  kind: 'refusal',
  status: 403,
  text: 'This is the checkout on the machine that runs the CI: nothing can be pushed to it.',
};
const NO_DUMB: GitRoute = { kind: 'refusal', status: 403, text: 'This git is too old: it does not speak smart HTTP.' };
const MAX_URL_LENGTH = 8192;

/** Decides on a request by its method and its target as it was sent: nothing is decoded, so nothing leads elsewhere. */
export function gitRoute(method: string, target: string, { token, names }: GitRouteOptions): GitRoute {
  const path = pathBehindToken(target, token);
  if (path === undefined) return NOT_FOUND;
  for (const name of names) {
    const own = ownPath(path, servedPath(name));
    if (own !== undefined) return ownRoute(method, own, name, path);
  }
  const other = names.find((name) => path.startsWith(servedPath(name)));
  return other ? redirectTo(method, other, path) : NOT_FOUND;
}

function pathBehindToken(target: string, token: string): string | undefined {
  if (target.length > MAX_URL_LENGTH || !target.startsWith('/')) return undefined;
  const end = target.indexOf('/', 1);
  if (end < 0 || !isSame(target.slice(1, end), token)) return undefined;
  return target.slice(end);
}

/** Takes as long whatever is different. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Returns the part behind the repository's name, with or without `.git`; undefined for another repository. */
function ownPath(path: string, served: string): string | undefined {
  const start = [`${served}.git/`, `${served}/`].find((each) => path.startsWith(each));
  return start === undefined ? undefined : path.slice(start.length);
}

function ownRoute(method: string, own: string, name: RepositoryName, path: string): GitRoute {
  if (own.startsWith('info/lfs/')) return redirectTo(method, name, path);
  if (own === 'info/refs?service=git-upload-pack') return allowing(method, 'GET', { kind: 'refs' });
  if (own === 'git-upload-pack') return allowing(method, 'POST', { kind: 'objects' });
  if (own === 'info/refs?service=git-receive-pack' || own === 'git-receive-pack') return NO_PUSH;
  return own === 'info/refs' ? NO_DUMB : NOT_FOUND;
}

function allowing(method: string, allowed: string, route: GitRoute): GitRoute {
  if (method === allowed) return route;
  return { kind: 'refusal', status: 405, text: `Only ${allowed} is possible here.` };
}

/** What this server does not have is at the real host: files of Git LFS, and repositories with a longer name. */
function redirectTo(method: string, name: RepositoryName, path: string): GitRoute {
  // Without a remote there is no real host.
  if (!name.host.includes('.')) return NOT_FOUND;
  const location = realUrl(name) + path.slice(servedPath(name).length);
  return { kind: 'redirect', status: method === 'GET' ? 302 : 307, location };
}
