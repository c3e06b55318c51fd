import { Writable } from 'node:stream';
import { errorMessage } from '../lib/util/error-message.js';

/** 128 + signal number, as shells have it. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
const SIGPIPE_CODE = 141;
const FAILED = 1;
/** Longer than anything takes that is still done after the second signal. */
const LAST_RESORT_MS = 15_000;

/** The second signal: whoever pressed Ctrl-C twice wants the prompt back. */
class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/**
 * How somebody ends this program before its task does. The first SIGINT or SIGTERM cancels the task, and so does a
 * reader of standard output that goes away (`| head -1`); a second signal abandons it.
 */
export class Interruption {
  /** Standard output. Once nobody reads it what is written is dropped. */
  readonly output: Writable;
  readonly #canceled = new AbortController();
  readonly #abandoned = new AbortController();
  #exitCode: number | undefined;
  #isOutputGone = false;

  constructor() {
    this.output = new Writable({
      write: (chunk, _encoding, callback) => {
        this.#write(chunk as Buffer, callback);
      },
    });
    // The callback of the write has the error too; an event without a listener would end the process.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        this.#signaled(SIGNAL_CODES[name]);
      });
    }
  }

  /** Aborts when the task is to be canceled. */
  get canceled(): AbortSignal {
    return this.#canceled.signal;
  }

  /** Aborts when nothing is to be waited for any more. */
  get abandoned(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** What this program has to end with, whatever becomes of the task; undefined: the task decides. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  #signaled(exitCode: number): void {
    if (!this.#canceled.signal.aborted) {
      process.stderr.write('run-task: canceling the task; once more to stop at once\n');
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

  /** Quietly when its reader has had enough, as other programs in a pipe do. */
  #outputGone(error: NodeJS.ErrnoException): void {
    if (this.#isOutputGone) return;
    this.#isOutputGone = true;
    this.#exitCode ??= error.code === 'EPIPE' ? SIGPIPE_CODE : FAILED;
    if (error.code !== 'EPIPE') process.stderr.write(`run-task: cannot write the log: ${errorMessage(error)}\n`);
    this.#canceled.abort();
  }
}
