import { writeSync } from 'node:fs';

const STDERR = 2;
const FULL_PIPE_REST_MS = 5;

/**
 * Writes text to a file descriptor, all of it before it returns, so that lines of different writers never mix. When the
 * reader is gone it goes to standard error instead: a worker must not die of its log.
 */
export class LineOutput {
  #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(text: string): void {
    for (let rest = Buffer.from(text); rest.length > 0;) {
      try {
        rest = rest.subarray(writeSync(this.#descriptor, rest));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') {
          // Somebody made the pipe non-blocking, and its reader is slow.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_REST_MS);
        } else if (code === 'EPIPE' && this.#descriptor !== STDERR) {
          this.#descriptor = STDERR;
        } else {
          // There is nobody left to tell.
          return;
        }
      }
    }
  }
}
