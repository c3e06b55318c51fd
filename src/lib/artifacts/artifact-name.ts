import { shorten } from '../util/shorten.js';

/**
 * What the queue accepts, except the apostrophe: the client library (hawk's use of the old url.parse) signs `%27` but
 * sends `'`, which is answered with 401.
 */
const ALLOWED_CHARACTERS = /^[\x20-\x26\x28-\x7e]+$/;

/**
 * In characters, as in the queue's schema of listArtifacts; for ASCII these are bytes. createArtifact accepts more, but
 * then the run's artifacts can no longer be listed.
 */
export const LONGEST_ARTIFACT_NAME = 1024;

/**
 * Returns false for a name under which nothing can be stored or read: the queue refuses it, or its address would lead
 * elsewhere, because every HTTP client resolves `.` and `..`, even escaped, before the request.
 */
export function isArtifactName(name: string): boolean {
  if (name.length > LONGEST_ARTIFACT_NAME || !ALLOWED_CHARACTERS.test(name)) return false;
  return !name.split('/').some((part) => part === '.' || part === '..');
}

/** The message for invalid names. */
export const NAME_RULE =
  `the name of an artifact may hold up to ${LONGEST_ARTIFACT_NAME} printable ASCII characters except the apostrophe, and ` +
  'no "." or ".." between its slashes.';

const SHOWN_CHARACTERS = 200;

/** Returns a name for a log line: in quotes, without line breaks or control characters, and shortened. */
export function quotedName(name: string): string {
  return JSON.stringify(shorten(name, SHOWN_CHARACTERS));
}
