import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Call, Ended, Tools } from './tools.js';

/** The source of signals: `process`. */
type Signals = Pick<EventEmitter, 'on' | 'off'>;

/**
 * Runs the programs on the PATH as processes. While a long one runs, signals do not end this process, which has to
 * clean up afterwards. Ctrl-C reaches the program through the terminal; other signals are passed on.
 */
export class ProcessTools implements Tools {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #signals: Signals;

  constructor(env: Readonly<Record<string, string | undefined>>, signals: Signals) {
    this.#env = env;
    this.#signals = signals;
  }

  async capture(call: Call): Promise<Ended | undefined> {
    // Standard input is inherited: pass may have to ask for a passphrase.
    const child = spawn(call.command, call.args, { ...this.#options(call), stdio: ['inherit', 'pipe', 'pipe'] });
    const [ended, stdout, stderr] = await Promise.all([
      codeOf(once(child, 'close')),
      text(child.stdout),
      text(child.stderr),
    ]);
    return ended === undefined ? undefined : { code: ended, stdout, stderr };
  }

  async follow(call: Call, onLine: (line: string) => void): Promise<number | undefined> {
    const child = spawn(call.command, call.args, { ...this.#options(call), stdio: ['inherit', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', onLine);
    return await this.#outlived(child);
  }

  async run(call: Call): Promise<number | undefined> {
    return await this.#outlived(spawn(call.command, call.args, { ...this.#options(call), stdio: 'inherit' }));
  }

  async #outlived(child: ChildProcess): Promise<number | undefined> {
    const stay = (): void => undefined;
    const passOn = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    this.#signals.on('SIGINT', stay).on('SIGTERM', passOn).on('SIGHUP', passOn);
    try {
      return await codeOf(once(child, 'close'));
    } finally {
      this.#signals.off('SIGINT', stay).off('SIGTERM', passOn).off('SIGHUP', passOn);
    }
  }

  #options({ env, cwd }: Call): SpawnOptions {
    return { env: { ...this.#env, ...env }, ...(cwd === undefined ? {} : { cwd }) };
  }
}

async function codeOf(closed: Promise<unknown[]>): Promise<number | undefined> {
  try {
    const [code] = (await closed) as [number | null];
    // Ended by a signal: a failure, as in a shell.
    return code ?? 128;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
