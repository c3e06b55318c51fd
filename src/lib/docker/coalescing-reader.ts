import { Readable, finished } from 'node:stream';

/** Output beyond this is long: until then every piece is given on as it comes. */
const LONG_BYTES = 1024 * 1024;
/** Long enough for a busy terminal to print many pieces, short enough for nobody to notice. */
const REST_MS = 2;
/** What is read ahead of a consumer that has no room. */
const AHEAD_BYTES = 256 * 1024;

/**
 * The bytes of `source`, from a connection that is left alone for REST_MS after each turn of reading once they are many.
 * A terminal's output comes in pieces of a few KiB: to be woken for each of them takes the processor from those who print
 * and pass it on. All that is there is taken in one turn, so many small pieces wait no longer than a single one.
 *
 * It ends and fails as `source` does; to destroy it destroys `source`.
 */
export class CoalescingReader extends Readable {
  readonly #source: Readable;
  /** The consumer has room. */
  #isWanted = false;
  #passedBytes = 0;
  #endOfTurn: NodeJS.Immediate | undefined;
  #rest: NodeJS.Timeout | undefined;

  constructor(source: Readable) {
    super({ highWaterMark: AHEAD_BYTES });
    this.#source = source.pause();
    source.on('data', (piece: Buffer) => {
      this.#take(piece);
    });
    finished(source, { writable: false }, (error) => {
      if (error) this.destroy(error);
      else this.push(null);
    });
  }

  override _read(): void {
    this.#isWanted = true;
    if (!this.#rest) this.#source.resume();
  }

  #take(piece: Buffer): void {
    this.#passedBytes += piece.length;
    this.#isWanted = this.push(piece);
    if (!this.#isWanted) this.#source.pause();
    if (this.#passedBytes > LONG_BYTES) this.#restAfterTurn();
  }

  #restAfterTurn(): void {
    this.#endOfTurn ??= setImmediate(() => {
      this.#source.pause();
      this.#rest = setTimeout(() => {
        this.#rest = this.#endOfTurn = undefined;
        if (this.#isWanted) this.#source.resume();
      }, REST_MS);
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearImmediate(this.#endOfTurn);
    clearTimeout(this.#rest);
    this.#source.destroy();
    callback(error);
  }
}
