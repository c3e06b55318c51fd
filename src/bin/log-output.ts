import { isatty } from 'node:tty';
import { ReadableLines } from '../lib/log/readable-lines.js';

/** How the worker's own log can be written: for programs, or for people. */
export const LOG_FORMATS = ['json', 'text'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

interface LineTaker {
  write(line: string): void;
}

/** Text for whoever sits in front of a terminal, JSON for what reads a pipe or a file. */
export function defaultFormat(descriptor: number): LogFormat {
  return isatty(descriptor) ? 'text' : 'json';
}

/** Where a log has to write its lines so that they come out in `format`. */
export function logOutput(output: LineTaker, format: LogFormat): LineTaker {
  if (format === 'json') return output;
  return new ReadableLines((line) => {
    output.write(line);
  });
}
