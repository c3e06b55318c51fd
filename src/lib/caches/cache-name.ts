const LONGEST_BYTES = 255;

/** What a name of a cache has to be like, for messages. */
export const CACHE_NAME_RULE =
  'a cache\'s name is 1 to 255 bytes long, is not ".", and has no "::", ".." or control character';

/** Whether a payload may name a cache so: it becomes a directory, and the part of a key before `::`. */
export function isCacheName(name: string): boolean {
  if (name === '' || name === '.' || name.length > LONGEST_BYTES || /::|\.\.|\p{Cc}/u.test(name)) return false;
  return Buffer.byteLength(cacheDirectoryName(name)) <= LONGEST_BYTES;
}

/**
 * The directory of a cache's instances. It is named like the cache, except that docker ends a path to mount at a colon,
 * that a slash would make a directory within one, and that names with a dot in front are the worker's own: those three are
 * percent-encoded.
 */
export function cacheDirectoryName(name: string): string {
  return name.replace(/^\.|[%:/]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The name of the cache whose instances are in this directory. */
export function cacheNameOf(directoryName: string): string {
  return directoryName.replace(/%(2E|2F|25|3A)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}
