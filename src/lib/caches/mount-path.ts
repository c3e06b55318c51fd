import path from 'node:path/posix';

// Linux's PATH_MAX, with its terminating NUL; a rule that says so would only confuse those with a dot too many.
const LONGEST_PATH = 4095;

/** What a path has to be like for something to be mounted there, for messages. */
export const MOUNT_PATH_RULE = 'an absolute path below /, without "." or ".." or a colon';

/** Whether something can be mounted there. A colon would end the path in the engine's words for a mount. */
export function isMountPath(place: string): boolean {
  if (place.length > LONGEST_PATH) return false;
  const plain = mountPath(place);
  return plain.startsWith('/') && plain !== '/' && !/(^|\/)\.\.?(\/|$)/.test(place) && !/[:\0]/.test(place);
}

/**
 * The two parts of a cache's place in a container: the path, and `:ro` or `:rw` where it says so, as docker's words for a
 * mount do.
 */
export function mountOf(place: string): { readonly path: string; readonly mode: '' | ':ro' | ':rw' } {
  for (const mode of [':ro', ':rw'] as const) {
    if (place.endsWith(mode)) return { path: place.slice(0, -mode.length), mode };
  }
  return { path: place, mode: '' };
}

/** The path as docker names it: without slashes too many. */
export function mountPath(place: string): string {
  return path.normalize(place).replace(/(?<=.)\/$/, '');
}
