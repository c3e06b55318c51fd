import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { exitCodeOf } from '../../lib/task-log/lines.js';
import { LogLines } from './log-lines.js';
import type { MaskedStream } from './secret-mask.js';

export interface LogSinkOptions {
  /** Path of the file that gets the log. It is replaced. */
  readonly path: string;
  readonly mask: MaskedStream;
  /** Shows whole lines; resolves when more may come. */
  readonly show: (lines: readonly string[]) => Promise<void>;
}

/** Longer than the last line of a log. */
const FOOTER_BYTES = 1024;

/** Takes the log of one run: writes it to a file and shows its lines, both without secrets. */
export class LogSink extends Writable {
  readonly #options: LogSinkOptions;
  readonly #file: WriteStream;
  readonly #lines = new LogLines();
  readonly #failure = new AbortController();
  #tail = '';

  constructor(options: LogSinkOptions) {
    super({ decodeStrings: true });
    this.#options = options;
    // A log may hold what is not for others.
    this.#file = createWriteStream(options.path, { mode: 0o600 });
    this.#file.on('error', (error) => this.destroy(error));
    this.on('error', (error) => {
      this.#failure.abort(error);
    });
  }

  /** Aborts when the log can't be written any more; its reason is the error. */
  get failure(): AbortSignal {
    return this.#failure.signal;
  }

  /** The exit code of the task's command, as the end of the log so far states it. */
  get exitCode(): number | undefined {
    return exitCodeOf(this.#tail);
  }

  /** Resolves when the file is complete, and everything is shown. May be called again. */
  async close(): Promise<void> {
    if (!this.writableEnded) this.end();
    await finished(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#tail = (this.#tail + chunk.subarray(-FOOTER_BYTES).toString('latin1')).slice(-FOOTER_BYTES);
    const masked = this.#options.mask.push(chunk);
    this.#pass(masked, this.#lines.push(masked)).then(() => {
      callback();
    }, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    const masked = this.#options.mask.end();
    const lines = [...this.#lines.push(masked), ...this.#lines.end()];
    const ending = async (): Promise<void> => {
      await this.#pass(masked, lines);
      await finished(this.#file.end());
    };
    ending().then(() => {
      callback();
    }, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#file.destroy();
    callback(error);
  }

  async #pass(bytes: Buffer, lines: readonly string[]): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#file.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    await Promise.all([written, lines.length > 0 ? this.#options.show(lines) : undefined]);
  }
}
