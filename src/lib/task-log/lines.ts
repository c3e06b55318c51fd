import { trimEnd } from '../util/trim-end.js';

// Messages of other programs often end with one, which would show as an empty line.
const LINE_BREAKS = '\r\n';

/** The log artifact's name where the payload names none. */
export const DEFAULT_LOG_NAME = 'public/logs/live.log';

/** A line of the worker: `[taskcluster 2026-11-23 15:04:05.678Z] text\n`; further lines of `text` follow as they are. */
export function workerLine(text: string, now: Date): string {
  return `[taskcluster ${now.toISOString().replace('T', ' ')}] ${trimEnd(text, LINE_BREAKS)}\n`;
}

/**
 * An error of the worker, on lines of its own wherever the output before it ended. Each of its lines is marked as one, as
 * tools look for errors line by line; empty ones are left out.
 */
export function errorLine(text: string): string {
  const mark = '\n[taskcluster:error] ';
  return `${mark}${trimEnd(text, LINE_BREAKS)
    .replace(/^[\r\n]+/, '')
    .replace(/[\r\n]+/g, mark)}\n`;
}
