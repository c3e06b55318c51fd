import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';

const MAX_LENGTH = 8192;
const MAX_LINES = 20;

/** Takes any amount of output and keeps its last lines. */
export class OutputTail extends Writable {
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #isCut = false;

  /** The last 20 lines at most, in 8 KiB at most. */
  get text(): string {
    // Of a line that was cut nobody can tell whether it was a secret.
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
