const LONGEST_BYTES = 255;

/** The rule for cache names, for messages. */
export const CACHE_NAME_RULE =
  'a cache\'s name is 1 to 255 bytes long, is not ".", and has no "::", ".." or control character';

/** Returns whether a cache may have this name: it becomes a directory, and the part of a key before `::`. */
export function isCacheName(name: string): boolean {
  if (name === '' || name === '.' || name.length > LONGEST_BYTES || /::|\.\.|\p{Cc}/u.test(name)) return false;
  return Buffer.byteLength(cacheDirectoryName(name)) <= LONGEST_BYTES;
}

/**
 * Returns the name of the directory of a cache's instances: the cache's name, with three characters percent-encoded. A
 * colon would end the path in docker's mount syntax, a slash would nest directories, and names with a leading dot are
 * reserved for the worker.
 */
export function cacheDirectoryName(name: string): string {
  return name.replace(/^\.|[%:/]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Returns the name of the cache whose instances are in this directory. */
export function cacheNameOf(directoryName: string): string {
  return directoryName.replace(/%(2E|2F|25|3A)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}
