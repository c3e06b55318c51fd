import path from 'node:path/posix';

// Linux's PATH_MAX, with its terminating NUL. Not part of MOUNT_PATH_RULE, where it would only confuse authors.
const LONGEST_PATH = 4095;

/** The rule for mount paths, for messages. */
export const MOUNT_PATH_RULE = 'an absolute path below /, without "." or ".." or a colon';

/** Returns whether a directory can be mounted at this path. A colon would end the path in the engine's mount syntax. */
export function isMountPath(place: string): boolean {
  if (place.length > LONGEST_PATH) return false;
  const plain = mountPath(place);
  return plain.startsWith('/') && plain !== '/' && !/(^|\/)\.\.?(\/|$)/.test(place) && !/[:\0]/.test(place);
}

/** Splits a cache's place in a container as docker's mount syntax does: the path, and `:ro` or `:rw` if present. */
export function mountOf(place: string): { readonly path: string; readonly mode: '' | ':ro' | ':rw' } {
  for (const mode of [':ro', ':rw'] as const) {
    if (place.endsWith(mode)) return { path: place.slice(0, -mode.length), mode };
  }
  return { path: place, mode: '' };
}

/** Returns the path as docker normalizes it: without redundant slashes. */
export function mountPath(place: string): string {
  return path.normalize(place).replace(/(?<=.)\/$/, '');
}
