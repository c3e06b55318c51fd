import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { errorMessage } from '../../src/lib/util/error-message.js';
import { DeployError } from './deploy-error.js';

const FAILED = 1;
const BAD_USAGE = 2;

/**
 * Parses the arguments and runs the command's action. Returns the exit code: 0 done, 1 failed, 2 wrong usage. Errors
 * are written to standard error, with a stack only for a bug.
 */
export async function runProgram(
  command: Command,
  argv: readonly string[],
  printError: (text: string) => void,
): Promise<number> {
  try {
    await command.showHelpAfterError('(--help shows all options)').exitOverride().parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    const isBug = !(error instanceof DeployError) && error instanceof Error;
    printError(`${command.name()}: ${errorMessage(error)}\n${isBug ? `${error.stack ?? ''}\n` : ''}`);
    return FAILED;
  }
}
