import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TIMEOUT_MS = 30_000;
export const POWER_OFF_COMMAND: readonly string[] = ['shutdown', '-h', 'now'];

/** Runs the command that powers off the machine. Throws if the command fails. */
export async function powerOff([program = '', ...args]: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, args, { timeout: TIMEOUT_MS });
  } catch (error) {
    throw new Error(`the machine could not be shut down by ${[program, ...args].join(' ')}`, { cause: error });
  }
}
