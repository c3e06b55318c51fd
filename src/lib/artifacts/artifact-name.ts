import { shorten } from '../util/shorten.js';

/**
 * What the queue takes, except the apostrophe: the client library (hawk's use of the old url.parse) signs `%27` and sends
 * `'`, which is answered with 401.
 */
const ALLOWED_CHARACTERS = /^[\x20-\x26\x28-\x7e]+$/;

/**
 * In characters, as the queue's schema of listArtifacts counts them; of ASCII these are bytes too. createArtifact takes
 * more, and the run's artifacts can't be listed from then on.
 */
export const LONGEST_ARTIFACT_NAME = 1024;

/**
 * False for a name under which nothing can be stored or read: the queue refuses it, or its address would lead elsewhere,
 * because every HTTP client resolves `.` and `..`, also when they are escaped, before it asks for anything.
 */
export function isArtifactName(name: string): boolean {
  if (name.length > LONGEST_ARTIFACT_NAME || !ALLOWED_CHARACTERS.test(name)) return false;
  return !name.split('/').some((part) => part === '.' || part === '..');
}

/** Said of names that are none. */
export const NAME_RULE =
  `the name of an artifact may hold up to ${LONGEST_ARTIFACT_NAME} printable ASCII characters except the apostrophe, and ` +
  'no "." or ".." between its slashes.';

const SHOWN_CHARACTERS = 200;

/** A name as it can stand in a line of the log: in quotes, without line breaks or control characters, and not endless. */
export function quotedName(name: string): string {
  return JSON.stringify(shorten(name, SHOWN_CHARACTERS));
}
