import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import { setTimeout } from 'node:timers/promises';

/** Output beyond this is long: until then every turn is given on as it comes. */
const LONG_BYTES = 1024 * 1024;
/** Long enough for a busy terminal to print many pieces, short enough for nobody to notice. */
const REST_MS = 2;
/** A turn that has read this much ends. */
const TURN_BYTES = 1024 * 1024;

/**
 * Reads output in turns of the event loop, with a rest of REST_MS between two of them once the output is long. A terminal
 * prints in pieces of a few hundred bytes to a few KiB: waking up for each of them, and writing each by itself, takes the
 * processor time that the programs need which print them and pass them on. A turn takes all that is there, so many small
 * pieces wait no longer than a single one.
 */
export class Pacer {
  readonly #source: Readable;
  #pieces: Buffer[] = [];
  #turnBytes = 0;
  #passedBytes = 0;
  #isOver = false;
  #failure: Error | null | undefined;
  #rest: Promise<void> | undefined;
  #endTurn = (): void => undefined;

  /** Takes `source` over, which is read only by `turn` from now on. */
  constructor(source: Readable) {
    this.#source = source.pause();
    source.on('data', (piece: Buffer) => {
      this.#take(piece);
    });
    finished(source, { writable: false }, (error) => {
      this.#failure = error;
      this.#isOver = true;
      this.#endTurn();
    });
  }

  /** What comes next, in the pieces it came in; empty: `source` has ended. Fails as `source` does, after its last piece. */
  async turn(): Promise<readonly Buffer[]> {
    await this.#rest;
    if (!this.#isOver) await this.#read();
    const pieces = this.#pieces;
    if (pieces.length === 0 && this.#failure) throw this.#failure;
    this.#pieces = [];
    this.#passedBytes += this.#turnBytes;
    this.#turnBytes = 0;
    // It passes while the pieces are written.
    if (this.#passedBytes > LONG_BYTES) this.#rest = setTimeout(REST_MS);
    return pieces;
  }

  async #read(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#endTurn = resolve;
      this.#source.resume();
    });
    this.#source.pause();
  }

  #take(piece: Buffer): void {
    if (this.#pieces.length === 0) setImmediate(this.#endTurn);
    this.#pieces.push(piece);
    this.#turnBytes += piece.length;
    if (this.#turnBytes >= TURN_BYTES) this.#source.pause();
  }
}
