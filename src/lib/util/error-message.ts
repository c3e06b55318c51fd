import { shortenMiddle } from './shorten.js';

// Engines, registries and services include authors' text in their messages. The kept beginning is longer than what the
// worker's log shows of a string, so that no secret is cut before it is redacted there.
const MAX_LENGTH = 8192;
const MAX_CAUSES = 10;

/** Returns the message of a thrown value, then those of its causes, once each. A long message loses its middle. */
export function errorMessage(error: unknown): string {
  return messageOf(error, MAX_CAUSES);
}

function messageOf(error: unknown, causes: number): string {
  if (!(error instanceof Error)) return shortenMiddle(String(error), MAX_LENGTH);
  const own = shortenMiddle(error.message || error.name, MAX_LENGTH);
  if (error.cause === undefined || causes === 0) return own;
  const cause = messageOf(error.cause, causes - 1);
  // A wrapping error often includes the cause's message already, though not all of its lines.
  const [line = ''] = cause.split('\n', 1);
  // dockerode prefixes the engine's message with the status.
  const firstLine = line.replace(/^\(HTTP code \d{3}\) [a-z ]{1,40} - /, '').trim();
  return own.includes(firstLine) ? own : shortenMiddle(`${own}: ${cause}`, MAX_LENGTH);
}
