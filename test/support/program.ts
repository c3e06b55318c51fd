import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  /** Standard input: none when not given. */
  readonly input?: 'ignore' | 'pipe';
  /** Path of the network namespace it runs in, that of the test when not given. Needs root. */
  readonly networkNamespacePath?: string;
  /** Whose process it is, that of the test when not given. Needs root. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Path of a program of src/bin (`worker`) as it was built. Fails when nothing is built. */
export function builtProgram(name: string): string {
  const path = resolve(`dist/bin/${name}.js`);
  assert.ok(existsSync(path), `${path} is missing: run ./build.sh first`);
  return path;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One of the programs of src/bin (`worker`) as a process of its own, as `./build.sh` built it. */
export class Program {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #listeners = new Set<() => void>();

  constructor(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { input = 'ignore', networkNamespacePath, user }: ProgramOptions = {},
  ) {
    const given = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env };
    const program = builtProgram(name);
    // nsenter becomes the program: the process id and signals are the program's own.
    const inside = networkNamespacePath === undefined ? [] : ['nsenter', `--net=${networkNamespacePath}`];
    const [command = '', ...rest] = [...inside, process.execPath, program, ...args];
    this.#process = spawn(command, rest, { env: given, stdio: [input, 'pipe', 'pipe'], ...user });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      for (const listener of this.#listeners) listener();
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      for (const listener of this.#listeners) listener();
    });
    this.ended = once(this.#process, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** Resolves when the standard output holds `text`; fails when the program ends without it. */
  async prints(text: string): Promise<void> {
    await this.#holds(text, () => this.stdout);
  }

  /** The same for standard error. */
  async complains(text: string): Promise<void> {
    await this.#holds(text, () => this.stderr);
  }

  async #holds(text: string, printedSoFar: () => string): Promise<void> {
    const printed = new Promise<void>((found) => {
      const look = (): void => {
        if (!printedSoFar().includes(text)) return;
        this.#listeners.delete(look);
        found();
      };
      this.#listeners.add(look);
      look();
    });
    const missed = this.ended.then(() => {
      assert.ok(printedSoFar().includes(text), `ended without "${text}":\n${this.stdout}\n${this.stderr}`);
    });
    await Promise.race([printed, missed]);
  }

  get pid(): number {
    return this.#process.pid ?? assert.fail('the program could not be started');
  }

  /** Calls back with each line of the standard output. */
  onLine(callback: (line: string) => void): void {
    createInterface({ input: this.#process.stdout ?? assert.fail() }).on('line', callback);
  }

  /** Leaves the standard output unread until `resumeReading`: pipes fill up, and the end of the program is noticed only once it is read. */
  pauseReading(): void {
    this.#process.stdout?.pause();
  }

  resumeReading(): void {
    this.#process.stdout?.resume();
  }

  /** Reads no more of the standard output, as `| head` does when it has had enough. */
  hangUp(): void {
    this.#process.stdout?.destroy();
  }

  /** Writes to the standard input, of a program that was given one. */
  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  /** Closes the standard input. */
  endInput(): void {
    this.#process.stdin?.end();
  }

  /** The most memory it has had in RAM so far, in MiB. */
  async peakMemoryMiB(): Promise<number> {
    return await this.#memoryMiB('VmHWM');
  }

  /** The memory it has in RAM now, in MiB. */
  async memoryMiB(): Promise<number> {
    return await this.#memoryMiB('VmRSS');
  }

  async #memoryMiB(key: string): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const [, kiB] = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    assert.ok(kiB, status);
    return Math.round(Number(kiB) / 1024);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}
