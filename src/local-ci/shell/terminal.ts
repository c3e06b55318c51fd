import type { Readable, Writable } from 'node:stream';
import type { ExecSession } from '../../lib/docker/engine.js';

/** Standard input: a terminal, or anything else that can be read. */
export type TerminalInput = Readable & {
  readonly isTTY?: boolean;
  readonly isRaw?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};

/** Standard output: a terminal, which emits `resize`, or anything else that can be written to. */
export type TerminalOutput = Writable & { readonly isTTY?: boolean; readonly rows?: number; readonly columns?: number };

export interface TerminalStreams {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  /** Whether the process has a terminal, for which both streams must be one. */
  readonly tty: boolean;
}

/** What a terminal's keyboard sends for the end of the input (^D). */
const END_OF_INPUT = '\x04';
/** For a terminal that does not tell its size: the engine would make it 0 x 0, in which editors do not work. */
const DEFAULT_SIZE = { rows: 24, columns: 80 };

/** The user's keyboard and the size of the user's terminal, for a process in a container, until it is disposed. */
export class Terminal {
  readonly #streams: TerminalStreams;
  readonly #exec: ExecSession;
  readonly #wasRaw: boolean;
  readonly #wasFlowing: boolean;
  #isOver = false;
  #isResizing = false;
  #mustResize = false;

  constructor(streams: TerminalStreams, exec: ExecSession) {
    const { stdin, stdout, tty } = streams;
    this.#streams = streams;
    this.#exec = exec;
    this.#wasRaw = stdin.isRaw === true;
    this.#wasFlowing = stdin.readableFlowing === true;
    stdin.on('data', this.#pass);
    stdin.on('end', this.#end);
    // What it would fail for, it ends for too.
    stdin.on('error', this.#end);
    if (stdin.readableEnded) this.#end();
    // It may have been paused before.
    stdin.resume();
    if (!tty) return;
    stdin.setRawMode?.(true);
    stdout.on('resize', this.#resize);
    this.#resize();
  }

  /** Gives the terminal back as it was. May be called twice. */
  dispose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { stdin, stdout, tty } = this.#streams;
    stdin.off('data', this.#pass);
    stdin.off('end', this.#end);
    stdin.off('error', this.#end);
    stdout.off('resize', this.#resize);
    // A stream that is read keeps the program from ending.
    if (!this.#wasFlowing) stdin.pause();
    if (tty) stdin.setRawMode?.(this.#wasRaw);
  }

  readonly #pass = (data: Buffer | string): void => {
    const { stdin } = this.#streams;
    if (this.#exec.stdin.write(data)) return;
    stdin.pause();
    this.#exec.stdin.once('drain', () => {
      if (!this.#isOver) stdin.resume();
    });
  };

  readonly #end = (): void => {
    if (this.#streams.tty) this.#exec.stdin.write(END_OF_INPUT);
    else this.#exec.stdin.end();
  };

  readonly #resize = (): void => {
    this.#mustResize = true;
    if (!this.#isResizing) void this.#followSize();
  };

  /** Sets one size at a time, so that the last one stays. */
  async #followSize(): Promise<void> {
    this.#isResizing = true;
    while (this.#mustResize && !this.#isOver) {
      this.#mustResize = false;
      const { rows = 0, columns = 0 } = this.#streams.stdout;
      const isKnown = rows > 0 && columns > 0;
      const size = isKnown ? { rows, columns } : DEFAULT_SIZE;
      // If it fails, the shell goes on in a terminal of the wrong size.
      await this.#exec.resize(size.rows, size.columns).catch(() => undefined);
    }
    this.#isResizing = false;
  }
}
