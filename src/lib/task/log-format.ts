/** The log artifact's name where the payload names none. */
export const DEFAULT_LOG_NAME = 'public/logs/live.log';

/** A line of the worker: `[taskcluster 2026-11-23 15:04:05.678Z] text\n`; further lines of `text` follow as they are. */
export function workerLine(text: string, now: Date): string {
  return `[taskcluster ${now.toISOString().replace('T', ' ')}] ${trimEnd(text)}\n`;
}

/** An error of the worker, on a line of its own wherever the output before it ended. */
export function errorLine(text: string): string {
  return `\n[taskcluster:error] ${trimEnd(text)}\n`;
}

/** Messages of other programs often end with a line break, which would show as an empty line. */
function trimEnd(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}
