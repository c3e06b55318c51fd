import path from 'node:path/posix';

/** What a path has to be like for something to be mounted there, for messages. */
export const MOUNT_PATH_RULE = 'an absolute path below /, without "." or ".." or a colon';

/** Whether something can be mounted there. A colon would end the path in the engine's words for a mount. */
export function isMountPath(place: string): boolean {
  const plain = mountPath(place);
  return plain.startsWith('/') && plain !== '/' && !/(^|\/)\.\.?(\/|$)/.test(place) && !/[:\0]/.test(place);
}

/** The path as docker names it: without slashes too many. */
export function mountPath(place: string): string {
  return path.normalize(place).replace(/(?<=.)\/$/, '');
}
