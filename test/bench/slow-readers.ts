import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface SlowReadersOptions {
  readonly readers: number;
  readonly bytesPerSecond: number;
  readonly outputBytes: number;
}

const PROGRAM = fileURLToPath(new URL('./log-readers.ts', import.meta.url));

/** Readers of one log in a process of their own: what they do is nobody's but theirs. */
export class SlowReaders {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>) {
    this.#process = process;
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when the process has started: that takes a processor for a while, and is not part of reading. */
  static async start({ readers, bytesPerSecond, outputBytes }: SlowReadersOptions): Promise<SlowReaders> {
    const args = ['--import', 'tsx', PROGRAM, ...[readers, bytesPerSecond, outputBytes].map(String)];
    const started = new SlowReaders(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await started.#line();
    return started;
  }

  begin(url: string): void {
    this.#process.stdin.write(`${url}\n`);
  }

  /** Lets them read as fast as they can from now on. */
  hurry(): void {
    this.#process.stdin.write('\n');
  }

  /** The hashes (sha256, hex) of what each of them read. Fails when they did not come to an end. */
  async hashes(): Promise<readonly string[]> {
    return JSON.parse(await this.#line()) as readonly string[];
  }

  kill(): void {
    this.#process.kill();
  }

  async #line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('the readers of the log failed');
    return next.value;
  }
}
