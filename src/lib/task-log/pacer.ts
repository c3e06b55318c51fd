import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import { setTimeout } from 'node:timers/promises';

/** Output beyond this size is long; up to it there is no pause between turns. */
const LONG_BYTES = 1024 * 1024;
/** Long enough for a busy terminal to print many chunks, too short for a reader to notice. */
const REST_MS = 2;
/** A turn ends once it has read this much. */
const TURN_BYTES = 1024 * 1024;

/**
 * Reads output in turns of the event loop, and pauses for REST_MS between turns once the output is long. A terminal
 * prints chunks of a few hundred bytes to a few KiB: waking up for each of them, and writing each separately, takes CPU
 * time from the programs that print and transport them. A turn takes all available chunks, so many small ones wait no
 * longer than a single one.
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

  /** Takes over `source`: from now on only `turn` reads it. */
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

  /** Returns the next chunks, or none when `source` has ended. Throws the error of `source` after its last chunk. */
  async turn(): Promise<readonly Buffer[]> {
    await this.#rest;
    if (!this.#isOver) await this.#read();
    const pieces = this.#pieces;
    if (pieces.length === 0 && this.#failure) throw this.#failure;
    this.#pieces = [];
    this.#passedBytes += this.#turnBytes;
    this.#turnBytes = 0;
    // The pause runs while the chunks are written.
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
