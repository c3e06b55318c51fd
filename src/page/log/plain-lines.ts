import { withoutAnsi } from './ansi.js';
import type { LineRange } from './line-range.js';
import { decodeStart } from './line-text.js';
import type { LogBytes } from './log-bytes.js';

/** What a clipboard takes. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Returns lines as text without colours, each with a line end; at most some megabytes. */
export function plainLines(log: LogBytes, { first, last }: LineRange): string {
  const { start } = log.line(first - 1);
  const { end } = log.line(Math.min(last, log.lineCount) - 1);
  return `${withoutAnsi(decodeStart(log.read({ start, end: Math.min(end, start + MAX_BYTES) })))}\n`;
}
