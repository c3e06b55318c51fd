import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
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
  readonly #printed: Promise<string>;

  /** The process is made at once, so that it is ready by the time there is an address. */
  constructor({ readers, bytesPerSecond, outputBytes }: SlowReadersOptions) {
    const args = ['--import', 'tsx', PROGRAM, ...[readers, bytesPerSecond, outputBytes].map(String)];
    this.#process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#printed = text(this.#process.stdout);
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
    const printed = await this.#printed;
    if (printed === '') throw new Error('the readers of the log failed');
    return (JSON.parse(printed) as readonly { readonly sha256: string }[]).map(({ sha256 }) => sha256);
  }

  kill(): void {
    this.#process.kill();
  }
}
