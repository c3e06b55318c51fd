import { shortenMiddle } from './shorten.js';

// Engines, registries and services put into their messages what authors wrote. The beginning that is left is longer than what
// the worker's log shows of a text, so that no secret is cut before it is looked for there.
const MAX_LENGTH = 8192;
const MAX_CAUSES = 10;

/** What went wrong, in words, for whatever was thrown; causes are appended once each. A long message loses its middle. */
export function errorMessage(error: unknown): string {
  return messageOf(error, MAX_CAUSES);
}

function messageOf(error: unknown, causes: number): string {
  if (!(error instanceof Error)) return shortenMiddle(String(error), MAX_LENGTH);
  const own = shortenMiddle(error.message || error.name, MAX_LENGTH);
  if (error.cause === undefined || causes === 0) return own;
  const cause = messageOf(error.cause, causes - 1);
  // Whoever wrapped an error often says its words already, if not all of its lines.
  const [line = ''] = cause.split('\n', 1);
  // dockerode puts the status in front of what the engine says.
  const firstLine = line.replace(/^\(HTTP code \d{3}\) [a-z ]{1,40} - /, '').trim();
  return own.includes(firstLine) ? own : shortenMiddle(`${own}: ${cause}`, MAX_LENGTH);
}
