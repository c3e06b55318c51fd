/**
 * What the queue takes, except the apostrophe: the client library (hawk's use of the old url.parse) signs `%27` and sends
 * `'`, which is answered with 401.
 */
const ALLOWED_CHARACTERS = /^[\x20-\x26\x28-\x7e]+$/;

/**
 * False for a name under which nothing can be stored or read: the queue refuses it, or its address would lead elsewhere,
 * because every HTTP client resolves `.` and `..`, also when they are escaped, before it asks for anything.
 */
export function isArtifactName(name: string): boolean {
  return ALLOWED_CHARACTERS.test(name) && !name.split('/').some((part) => part === '.' || part === '..');
}

/** Said of names that are none. */
export const NAME_RULE =
  'the name of an artifact may hold printable ASCII characters except the apostrophe, and no "." or ".." between its slashes.';
