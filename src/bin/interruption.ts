import { Writable } from 'node:stream';
import { errorMessage } from '../lib/util/error-message.js';

/** Exit codes as in shells: 128 + signal number. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
const SIGPIPE_CODE = 141;
const FAILED = 1;
/** Longer than any cleanup after the second signal takes. */
const LAST_RESORT_MS = 15_000;

/** The reason after a second signal: a user who presses Ctrl-C twice wants the prompt back. */
class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** How messages call this program and what it does. */
export interface Interrupted {
  readonly program: string;
  /** What is canceled: `the task`. */
  readonly work: string;
}

const RUN_TASK: Interrupted = { program: 'run-task', work: 'the task' };

/**
 * Handles attempts to end this program before its task ends. The first SIGINT or SIGTERM cancels the task, as does a
 * reader that closes standard output (`| head -1`); a second signal abandons it.
 */
export class Interruption {
  /** Standard output. Once its reader is gone, writes are dropped. */
  readonly output: Writable;
  readonly #canceled = new AbortController();
  readonly #abandoned = new AbortController();
  #exitCode: number | undefined;
  #onNextSignal: (() => void) | undefined;
  readonly #interrupted: Interrupted;
  #isOutputGone = false;

  constructor(interrupted = RUN_TASK) {
    this.#interrupted = interrupted;
    this.output = new Writable({
      write: (chunk, _encoding, callback) => {
        this.#write(chunk as Buffer, callback);
      },
    });
    // The write's callback gets the error too; an error event without a listener would end the process.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        this.#signaled(SIGNAL_CODES[name]);
      });
    }
  }

  /** Aborts when the task should be canceled. */
  get canceled(): AbortSignal {
    return this.#canceled.signal;
  }

  /** Aborts when the program should no longer wait for anything. */
  get abandoned(): AbortSignal {
    return this.#abandoned.signal;
  }

  /**
   * Waits for the next signal, which ends this wait and nothing else; calls `onWaiting` before that. Resolves at once if
   * the task was canceled: whoever did that has seen enough.
   */
  async nextSignal(onWaiting: () => void): Promise<void> {
    if (this.#canceled.signal.aborted) return;
    const signaled = new Promise<void>((resolve) => {
      this.#onNextSignal = resolve;
    });
    onWaiting();
    await signaled;
  }

  /** The exit code of this program, regardless of the task's result; undefined: the task decides. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  #signaled(exitCode: number): void {
    if (!this.#canceled.signal.aborted) {
      const { program, work } = this.#interrupted;
      if (this.#onNextSignal) this.#onNextSignal();
      else process.stderr.write(`${program}: canceling ${work}; press Ctrl-C again to stop at once\n`);
      // Whoever sends SIGTERM looks for the code that programs end with then; after Ctrl-C the task's result counts.
      if (exitCode === SIGNAL_CODES.SIGTERM && !this.#onNextSignal) this.#exitCode = exitCode;
      this.#canceled.abort();
      return;
    }
    if (this.#abandoned.signal.aborted) return;
    this.#exitCode = exitCode;
    this.#abandoned.abort(new Abandoned('interrupted'));
    setTimeout(() => process.exit(exitCode), LAST_RESORT_MS).unref();
  }

  #write(chunk: Buffer, callback: () => void): void {
    if (this.#isOutputGone) {
      callback();
      return;
    }
    process.stdout.write(chunk, (error) => {
      if (error) this.#outputGone(error);
      callback();
    });
  }

  /** Cancels the task; without a message if the reader closed the pipe, like other programs. */
  #outputGone(error: NodeJS.ErrnoException): void {
    if (this.#isOutputGone) return;
    this.#isOutputGone = true;
    this.#exitCode ??= error.code === 'EPIPE' ? SIGPIPE_CODE : FAILED;
    if (error.code !== 'EPIPE') {
      process.stderr.write(`${this.#interrupted.program}: cannot write the log: ${errorMessage(error)}\n`);
    }
    this.#canceled.abort();
  }
}
