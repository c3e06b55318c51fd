/** The addresses of the page, as the real UI has them: each is answered with the same document. */
const PAGE_PATHS = [
  /^\/$/,
  /^\/tasks\/?$/,
  /^\/tasks\/create$/,
  /^\/tasks\/groups\/[A-Za-z0-9_-]{22}$/,
  /^\/tasks\/index(?:\/.*)?$/,
  /^\/tasks\/[A-Za-z0-9_-]{22}$/,
  /^\/tasks\/[A-Za-z0-9_-]{22}\/runs\/\d{1,4}$/,
  /^\/tasks\/[A-Za-z0-9_-]{22}\/runs\/\d{1,4}\/logs\/.+$/,
  /^\/worker-pools(?:\/.*)?$/,
  /^\/secrets(?:\/.*)?$/,
  /^\/shell\/?$/,
  /^\/display\/?$/,
  /^\/display\.html$/,
] as const;

/** The routes that may lead to the page. A path below them is one of the page only if `isPagePath` says so. */
export const PAGE_ROUTES = [
  ...['/', '/tasks', '/tasks/*', '/worker-pools', '/worker-pools/*', '/secrets', '/secrets/*'],
  ...['/shell', '/shell/', '/display', '/display/', '/display.html'],
] as const;

/** Returns whether the path, without its query, is one of the page. */
export function isPagePath(path: string): boolean {
  return PAGE_PATHS.some((pattern) => pattern.test(path));
}

/** Returns what else the page at this path connects to: the worker, which may be at any address. */
export function connectionsOf(path: string): string {
  if (path.startsWith('/shell')) return 'ws: wss:';
  return path.startsWith('/display') ? 'ws: wss: http: https:' : '';
}
