import { isatty } from 'node:tty';
import { ReadableLines } from '../lib/log/readable-lines.js';

/** The formats of the worker's own log: JSON for programs, text for people. */
export const LOG_FORMATS = ['json', 'text'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

interface LineTaker {
  write(line: string): void;
}

/** Returns text for a terminal, JSON for a pipe or a file. */
export function defaultFormat(descriptor: number): LogFormat {
  return isatty(descriptor) ? 'text' : 'json';
}

/** Returns where a log has to write its JSON lines so that they come out in `format`. */
export function logOutput(output: LineTaker, format: LogFormat): LineTaker {
  if (format === 'json') return output;
  return new ReadableLines((line) => {
    output.write(line);
  });
}
