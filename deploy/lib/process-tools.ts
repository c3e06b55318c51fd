import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Call, Ended, Tools } from './tools.js';

/** The programs on the PATH, as processes. */
export class ProcessTools implements Tools {
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  async capture(call: Call): Promise<Ended | undefined> {
    // Standard input stays ours: pass may have to ask for a passphrase.
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
    return await codeOf(once(child, 'close'));
  }

  async run(call: Call): Promise<number | undefined> {
    return await codeOf(once(spawn(call.command, call.args, { ...this.#options(call), stdio: 'inherit' }), 'close'));
  }

  #options({ env, cwd }: Call): SpawnOptions {
    return { env: { ...this.#env, ...env }, ...(cwd === undefined ? {} : { cwd }) };
  }
}

async function codeOf(closed: Promise<unknown[]>): Promise<number | undefined> {
  try {
    const [code] = (await closed) as [number | null];
    // Ended by a signal: as shells count it, no success.
    return code ?? 128;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
