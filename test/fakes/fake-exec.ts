import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import type { ExecOutput, ExecSession, ExecSpec } from '../../src/lib/docker/engine.js';
import { untilAborted } from '../../src/lib/util/abortable.js';

/** What a process started in a fake container can do. */
export interface FakeExecProcess {
  readonly spec: ExecSpec;
  readonly stdin: Readable;
  /** The container has ended. */
  readonly killed: AbortSignal;
  readonly print: (data: string | Buffer, from?: ExecOutput['from']) => Promise<void>;
  /** Of its terminal: rows and columns. */
  readonly size: () => readonly [number, number];
  /** Resolves when the terminal's size has been set. */
  readonly resized: Promise<void>;
}

/** Returns the exit code. */
export type FakeExecProgram = (process: FakeExecProcess) => Promise<number> | number;

const KILLED = 137;

/** A process in a fake container; its output waits for whoever reads it, a part at a time. */
export class FakeExec implements ExecSession {
  readonly stdin = new PassThrough();
  readonly output: AsyncIterable<ExecOutput>;
  readonly spec: ExecSpec;
  isClosed = false;
  readonly #parts = new PassThrough({ objectMode: true, highWaterMark: 1 });
  readonly #ended: Promise<number>;
  #size: readonly [number, number] = [0, 0];
  #markResized: () => void = () => undefined;

  constructor(spec: ExecSpec, program: FakeExecProgram, killed: AbortSignal) {
    this.spec = spec;
    this.stdin.on('error', () => undefined);
    this.#parts.on('error', () => undefined);
    this.output = this.#parts as AsyncIterable<ExecOutput>;
    this.#ended = this.#run(program, killed);
  }

  /** Of its terminal: rows and columns. */
  get size(): readonly [number, number] {
    return this.#size;
  }

  resize(rows: number, columns: number): Promise<void> {
    this.#size = [rows, columns];
    this.#markResized();
    return Promise.resolve();
  }

  exitCode(signal: AbortSignal): Promise<number> {
    return untilAborted(this.#ended, signal);
  }

  close(): void {
    this.isClosed = true;
    this.stdin.destroy();
    this.#parts.destroy();
  }

  async #run(program: FakeExecProgram, killed: AbortSignal): Promise<number> {
    const resized = new Promise<void>((resolve) => {
      this.#markResized = resolve;
    });
    const process = { spec: this.spec, stdin: this.stdin, killed, size: () => this.#size, resized };
    const print = (data: string | Buffer, from: ExecOutput['from'] = 'stdout') => this.#print(data, from);
    try {
      const code = await untilAborted(Promise.resolve(program({ ...process, print })), killed);
      this.#parts.end();
      return code;
    } catch (error) {
      this.#parts.end();
      // Closed while it was reading: the process is left to itself.
      if (killed.aborted || this.isClosed) return KILLED;
      throw error;
    }
  }

  #print(data: string | Buffer, from: ExecOutput['from']): Promise<void> {
    const { tty } = this.spec;
    const bytes = typeof data === 'string' ? Buffer.from(tty ? data.replaceAll('\n', '\r\n') : data) : data;
    return new Promise((resolve) => {
      this.#parts.write({ from: tty ? 'stdout' : from, data: bytes }, () => {
        resolve();
      });
    });
  }
}
