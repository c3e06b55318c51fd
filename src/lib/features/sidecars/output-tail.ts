import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';

const MAX_LENGTH = 8192;
const MAX_LINES = 20;

/** Accepts any amount of output and keeps its last lines. */
export class OutputTail extends Writable {
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #isCut = false;

  /** At most the last 20 lines and 8 KiB. */
  get text(): string {
    // Drops a cut line: secrets in it can't be recognized.
    const whole = this.#isCut ? this.#text.slice(this.#text.indexOf('\n') + 1 || this.#text.length) : this.#text;
    return whole.replaceAll('\r', '').trimEnd().split('\n').slice(-MAX_LINES).join('\n');
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const text = this.#text + this.#decoder.write(chunk);
    this.#isCut ||= text.length > MAX_LENGTH;
    this.#text = text.slice(-MAX_LENGTH);
    callback();
  }
}
