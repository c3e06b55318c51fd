import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ConfigError } from '../lib/config/config-error.js';
import { LineOutput } from '../lib/log/line-output.js';
import { createLogger } from '../lib/log/logger.js';
import type { Logger } from '../lib/log/logger.js';
import { errorMessage } from '../lib/util/error-message.js';
import { packageVersion } from '../lib/util/package-file.js';
import { fetchTask, parseTaskAddress } from '../local-run/fetch-task.js';
import { runLocally } from '../local-run/run-locally.js';
import type { LocalOutcome } from '../local-run/run-locally.js';
import { TaskFileError, taskDefinition } from '../local-run/task-definition.js';
import { DirectoryError, listArtifacts, assertArtifactDirectory } from '../local-run/save-artifacts.js';
import { Interruption } from './interruption.js';
import { defaultFormat, logOutput } from './log-output.js';
import { NO_PAGE, pageOptions, runPage } from './run-page.js';
import type { PageFlags } from './run-page.js';

const TASK_QUEUE = { provisionerId: 'local', workerType: 'docker-worker' };
const BAD_USAGE = 2;
const FAILED = 1;
const STDERR = 2;
// How long a slow reader of the worker's log gets to catch up before the process exits.
const FLUSH_MS = 2000;

interface Options extends PageFlags {
  readonly artifacts?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workerLog: 'debug' | 'info' | 'warn' | 'error';
}

/** Processes the outcome of a task; returns false if part of what was asked for failed. */
type Inspect = (outcome: LocalOutcome, output: Writable, directory?: string) => Promise<boolean>;

/** The parsed command line. */
export interface TaskArguments {
  /** A file, or `taskId@rootUrl`. */
  readonly source: string;
  readonly options: Options;
}

/** Runs one task on this machine; returns the exit code, which is the task's own if it has one. */
export async function runTaskCommand(parse: () => TaskArguments, inspect: Inspect = listArtifacts): Promise<number> {
  const interruption = new Interruption();
  try {
    const { source, options } = parse();
    if (options.artifacts !== undefined) await assertArtifactDirectory(options.artifacts);
    const exitCode = await run(source, options, interruption, inspect);
    return interruption.exitCode ?? exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    if (interruption.abandoned.aborted) return interruption.exitCode ?? FAILED;
    for (const line of error instanceof ConfigError ? error.problems : [errorMessage(error)]) {
      tell(line);
    }
    return isBadUsage(error) ? BAD_USAGE : FAILED;
  }
}

/** Parses the command line. For help, version and wrong usage commander prints the text and throws a CommanderError. */
export function parseTaskArguments(argv: readonly string[]): TaskArguments {
  const command = new Command('run-task')
    .description('Run one task on this machine as a worker would, and exit with its exit code.')
    .argument(
      '<task>',
      'YAML or JSON file with a whole task or a bare payload, or taskId@rootUrl for a task of a deployment',
    )
    .option('--artifacts <directory>', 'save the artifacts in this directory')
    .addOption(
      new Option('--env <name=value>', 'set an environment variable of the task; may be repeated')
        .argParser(collectEnv)
        .default({}, 'none'),
    )
    .addOption(workerLogOption())
    .version(packageVersion())
    .addHelpText(
      'after',
      `
Examples:
  node dist/bin/run-task.js examples/hello.yml --artifacts /tmp/out --env GREETED=you
  node dist/bin/run-task.js fRWeAYyFTv66bvy2SXul1w@https://tc.example.com

Ctrl-C cancels the task; a second one stops at once.
Exit codes: the task's own; 1 if it has none or an artifact was not saved; 2 if the file or the command line is wrong.
`,
    )
    .showHelpAfterError('(--help shows all options)')
    .exitOverride();
  for (const option of pageOptions()) command.addOption(option);
  command.parse([...argv], { from: 'user' });
  return { source: command.args[0] ?? '', options: command.opts<Options>() };
}

/** Returns the option of all programs that contain a worker. */
export function workerLogOption(): Option {
  return new Option('--worker-log <level>', "print the worker's own log from this level up to standard error")
    .choices(['debug', 'info', 'warn', 'error'])
    .default('error');
}

function collectEnv(setting: string, sofar: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const equals = setting.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected NAME=VALUE.');
  return { ...sofar, [setting.slice(0, equals)]: setting.slice(equals + 1) };
}

async function run(source: string, options: Options, interruption: Interruption, inspect: Inspect): Promise<number> {
  const { output, canceled, abandoned } = interruption;
  const { text, name } = await read(source, canceled);
  const saving = { isComplete: true };
  const { run, exitCode } = await runLocally({
    definition: taskDefinition(text, name, TASK_QUEUE, options.env),
    taskQueue: TASK_QUEUE,
    output,
    log: workerLog(options),
    env: process.env,
    version: packageVersion(),
    signal: canceled,
    abandon: abandoned,
    onLeft: (error) => {
      tell(`not cleaned up: ${errorMessage(error)}`);
    },
    inspect: async (outcome) => {
      saving.isComplete = await inspect(outcome, output, options.artifacts);
      output.write(resolutionLine(outcome));
    },
    page: runPage(options, interruption, () => {
      tell(NO_PAGE);
    }),
    tell,
  });
  await finished(output.end());
  if (run.state === 'completed') return saving.isComplete ? 0 : FAILED;
  return exitCode === undefined || exitCode === 0 ? FAILED : exitCode;
}

function resolutionLine({ run: { state, reasonResolved } }: LocalOutcome): string {
  return `Task ${state}${state === 'exception' ? ` (${reasonResolved ?? ''})` : ''}.\n`;
}

function tell(line: string): void {
  process.stderr.write(`run-task: ${line}\n`);
}

async function read(source: string, signal: AbortSignal): Promise<{ readonly text: string; readonly name: string }> {
  const address = parseTaskAddress(source);
  if (!address) return { text: await readFile(source, 'utf8'), name: basename(source) };
  return { text: await fetchTask(address, signal), name: address.taskId };
}

function workerLog({ workerLog: level }: Options): Logger {
  const destination = new LineOutput(STDERR);
  process.once('exit', () => {
    destination.flush(FLUSH_MS);
  });
  const readable = logOutput(destination, defaultFormat(STDERR));
  return createLogger({ baseFields: { source: 'docker-worker' }, level, destination: readable });
}

function isBadUsage(error: unknown): boolean {
  const kinds = [TaskFileError, ConfigError, DirectoryError];
  return kinds.some((kind) => error instanceof kind) || isMissing(error);
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'EISDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}
