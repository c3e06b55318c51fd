import type { Writable } from 'node:stream';
import type { Logger } from '../../lib/log/logger.js';
import type { RunPage } from '../../local-run/run-page.js';
import type { TerminalInput, TerminalOutput } from '../shell/terminal.js';
import type { GivenOptions } from './options.js';

/** What local-ci gets from the process that it runs in. */
export interface Program {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly currentDirectory: string;
  readonly homeDirectory: string;
  readonly stdin: TerminalInput;
  /** For what needs the terminal itself. */
  readonly stdout: TerminalOutput;
  /** Standard output for everything else; takes writes even when its reader is gone. */
  readonly output: Writable;
  /** Standard error. */
  readonly progress: TerminalOutput;
  /** The script of the process that renders. */
  readonly renderProgram: URL;
  /** Returns the page of a run, as far as it is asked for; undefined: there is none. */
  readonly runPage: (given: Pick<GivenOptions, 'open' | 'stay'>) => RunPage | undefined;
  /** Makes the workers' own log. */
  readonly workerLog: (level: NonNullable<GivenOptions['workerLog']>) => Logger;
  /** Aborts when the run should be canceled. */
  readonly canceled: AbortSignal;
  /** Aborts when nothing should be waited for any more. */
  readonly abandoned: AbortSignal;
}

/** Tells the user something, on standard error. */
export function tell({ progress }: Pick<Program, 'progress'>, line: string): void {
  progress.write(`local-ci: ${line}\n`);
}
