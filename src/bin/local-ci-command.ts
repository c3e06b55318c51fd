import { homedir } from 'node:os';
import { finished } from 'node:stream/promises';
import { CommanderError } from 'commander';
import { ConfigError } from '../lib/config/config-error.js';
import { LineOutput } from '../lib/log/line-output.js';
import { createLogger } from '../lib/log/logger.js';
import { errorMessage } from '../lib/util/error-message.js';
import { packageVersion } from '../lib/util/package-file.js';
import { completionScript } from '../local-ci/command/completion.js';
import { parseCommandLine } from '../local-ci/command/parse.js';
import type { Program } from '../local-ci/command/program.js';
import { runLocalCi } from '../local-ci/command/run.js';
import { NoTasksForEvent } from '../local-ci/events/no-tasks-for-event.js';
import { CiInputError } from '../local-ci/model.js';
import { DirectoryError } from '../local-run/save-artifacts.js';
import { Interruption } from './interruption.js';
import { defaultFormat, logOutput } from './log-output.js';
import { NO_PAGE, runPage } from './run-page.js';

const NAME = 'local-ci';
const SUCCESS = 0;
const FAILED = 1;
const BAD_USAGE = 2;
const NO_TASKS = 3;
/** As after SIGINT, when there was nothing yet to cancel. */
const CANCELED = 130;
const STDERR = 2;
// How long a slow reader of the workers' log gets to catch up before the process exits.
const FLUSH_MS = 2000;

/** Runs the CI of a repository on this machine, or does what else the command line says; returns the exit code. */
export async function runLocalCiCommand(argv: readonly string[]): Promise<number> {
  const interruption = new Interruption({ program: NAME, work: 'all tasks' });
  const { output } = interruption;
  try {
    const invocation = parseCommandLine(argv, packageVersion());
    const isCompletion = invocation.kind === 'completion';
    const exitCode = isCompletion ? SUCCESS : await runLocalCi(invocation, programOf(interruption));
    if (isCompletion) output.write(completionScript(invocation.shell));
    await finished(output.end());
    return interruption.exitCode ?? exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === SUCCESS ? SUCCESS : BAD_USAGE;
    if (interruption.abandoned.aborted) return interruption.exitCode ?? FAILED;
    if (interruption.canceled.aborted && error === interruption.canceled.reason)
      return interruption.exitCode ?? CANCELED;
    for (const line of error instanceof ConfigError ? error.problems : [errorMessage(error)]) {
      process.stderr.write(`${NAME}: ${line}\n`);
    }
    return interruption.exitCode ?? exitCodeOf(error);
  }
}

function programOf(interruption: Interruption): Program {
  const { output, canceled, abandoned } = interruption;
  return {
    version: packageVersion(),
    env: process.env,
    currentDirectory: process.cwd(),
    homeDirectory: homedir(),
    stdin: process.stdin,
    stdout: process.stdout,
    output,
    progress: process.stderr,
    renderProgram: new URL('../bin/render-process.js', import.meta.url),
    runPage: (given) =>
      runPage(given, interruption, () => {
        process.stderr.write(`${NAME}: ${NO_PAGE}\n`);
      }),
    workerLog,
    canceled,
    abandoned,
  };
}

const workerLog: Program['workerLog'] = (level) => {
  const destination = new LineOutput(STDERR);
  process.once('exit', () => {
    destination.flush(FLUSH_MS);
  });
  const readable = logOutput(destination, defaultFormat(STDERR));
  return createLogger({ baseFields: { source: 'docker-worker' }, level, destination: readable });
};

function exitCodeOf(error: unknown): number {
  if (error instanceof NoTasksForEvent) return NO_TASKS;
  const isBadUsage = [CiInputError, ConfigError, DirectoryError].some((kind) => error instanceof kind);
  return isBadUsage ? BAD_USAGE : FAILED;
}
