import type { Program } from '../support/program.js';

const SAMPLE_MS = 100;

/** The memory (RSS) of a program, looked at ten times a second. */
export class MemoryWatch {
  readonly beforeMiB: number;
  peakMiB: number;
  readonly #program: Program;
  readonly #timer: NodeJS.Timeout;

  private constructor(program: Program, beforeMiB: number) {
    this.#program = program;
    this.beforeMiB = this.peakMiB = beforeMiB;
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS);
  }

  static async start(program: Program): Promise<MemoryWatch> {
    return new MemoryWatch(program, await program.memoryMiB());
  }

  /** Returns by how much it was ever more than in the beginning, in MiB. */
  stop(): number {
    clearInterval(this.#timer);
    return this.peakMiB - this.beforeMiB;
  }

  async #look(): Promise<void> {
    this.peakMiB = Math.max(this.peakMiB, await this.#program.memoryMiB());
  }
}
