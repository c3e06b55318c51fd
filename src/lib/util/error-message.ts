/** What went wrong, in words, for whatever was thrown; causes are appended once each. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  if (error.cause === undefined) return own;
  const cause = errorMessage(error.cause);
  // Whoever wrapped an error often says its words already, if not all of its lines.
  const [line = ''] = cause.split('\n');
  // dockerode puts the status in front of what the engine says.
  const firstLine = line.replace(/^\(HTTP code \d{3}\) [a-z ]{1,40} - /, '').trim();
  return own.includes(firstLine) ? own : `${own}: ${cause}`;
}
