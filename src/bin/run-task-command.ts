import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ArtifactInfo } from 'taskcluster-client';
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
import { Interruption } from './interruption.js';

const TASK_QUEUE = { provisionerId: 'local', workerType: 'docker-worker' };
const BAD_USAGE = 2;
const FAILED = 1;
const STDERR = 2;
// What a reader of the worker's log that is behind is given to catch up before the process ends.
const FLUSH_MS = 2000;

interface Options {
  readonly artifacts?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workerLog: 'debug' | 'info' | 'warn' | 'error';
}

type Inspect = (outcome: LocalOutcome, output: Writable, directory?: string) => Promise<void>;

/** Runs one task on this machine; returns the exit code, the task's own where there is one. */
export async function runTaskCommand(argv: readonly string[], inspect: Inspect = listArtifacts): Promise<number> {
  const interruption = new Interruption();
  try {
    const { source, options } = parse(argv);
    const exitCode = await run(source, options, interruption, inspect);
    return interruption.exitCode ?? exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    if (interruption.abandoned.aborted) return interruption.exitCode ?? FAILED;
    for (const line of error instanceof ConfigError ? error.problems : [errorMessage(error)]) {
      process.stderr.write(`run-task: ${line}\n`);
    }
    return error instanceof TaskFileError || isMissing(error) || error instanceof ConfigError ? BAD_USAGE : FAILED;
  }
}

function parse(argv: readonly string[]): { readonly source: string; readonly options: Options } {
  const command = new Command('run-task')
    .description('Run one task on this machine as a worker would, and end with its exit code.')
    .argument(
      '<task>',
      'YAML or JSON file with a task (payload and all) or a bare payload, or taskId@rootUrl for a task of a deployment',
    )
    .option('--artifacts <directory>', 'save the artifacts below this directory')
    .addOption(
      new Option('--env <name=value>', 'set an environment variable of the task; may be repeated')
        .argParser(collectEnv)
        .default({}, 'none'),
    )
    .option('--worker-log <level>', "print the worker's own log from this level on (debug, info, warn, error)", 'error')
    .addHelpText(
      'after',
      `
Examples:
  node dist/bin/run-task.js examples/hello.yml --artifacts /tmp/out --env GREETED=you
  node dist/bin/run-task.js fRWeAYyFTv66bvy2SXul1w@https://tc.example.com

Ctrl-C cancels the task; a second one stops at once.
Exit codes: the task's own, 1 when it has none, 2 when the file or the command line is wrong.
`,
    )
    .exitOverride();
  command.parse([...argv], { from: 'user' });
  return { source: command.args[0] ?? '', options: command.opts<Options>() };
}

function collectEnv(setting: string, sofar: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const equals = setting.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected NAME=VALUE.');
  return { ...sofar, [setting.slice(0, equals)]: setting.slice(equals + 1) };
}

async function run(
  source: string,
  options: Options,
  { output, canceled, abandoned }: Interruption,
  inspect: Inspect,
): Promise<number> {
  const { text, name } = await read(source, canceled);
  const { run, exitCode } = await runLocally({
    definition: taskDefinition(text, name, TASK_QUEUE, options.env),
    taskQueue: TASK_QUEUE,
    output,
    log: workerLog(options),
    env: process.env,
    version: packageVersion(),
    signal: canceled,
    abandon: abandoned,
    onLeft: (error) => process.stderr.write(`run-task: not cleaned up: ${errorMessage(error)}\n`),
    inspect: (outcome) => inspect(outcome, output, options.artifacts),
  });
  output.write(`Task ${run.state}${run.state === 'exception' ? ` (${run.reasonResolved ?? ''})` : ''}.\n`);
  await finished(output.end());
  if (run.state === 'completed') return 0;
  return exitCode === undefined || exitCode === 0 ? FAILED : exitCode;
}

async function read(source: string, signal: AbortSignal): Promise<{ readonly text: string; readonly name: string }> {
  const address = parseTaskAddress(source);
  if (!address) return { text: await readFile(source, 'utf8'), name: basename(source) };
  return { text: await fetchTask(address, signal), name: address.taskId };
}

async function listArtifacts({ watcher }: LocalOutcome, output: Writable, directory?: string): Promise<void> {
  const artifacts = await watcher.artifacts();
  if (artifacts.length === 0) return;
  output.write(
    directory === undefined ? '\nArtifacts (--artifacts saves them):\n' : `\nArtifacts, saved below ${directory}:\n`,
  );
  for (const artifact of artifacts) {
    output.write(`  ${artifact.name}  ${await describeArtifact(watcher, artifact, directory)}\n`);
  }
}

/** What one artifact is, or why it can't be had: that must not keep the others from being saved. */
async function describeArtifact(
  watcher: LocalOutcome['watcher'],
  { name, storageType }: ArtifactInfo,
  directory: string | undefined,
): Promise<string> {
  if (storageType === 'error') return '(missing: see the log)';
  try {
    // What it refers to is somewhere else, and may be a page for people.
    if (storageType === 'reference') return `-> ${await watcher.address(name)}`;
    return `${(await watcher.download(name, directory)).bytes} bytes`;
  } catch (error) {
    return `(not saved: ${errorMessage(error)})`;
  }
}

function workerLog({ workerLog: level }: Options): Logger {
  const destination = new LineOutput(STDERR);
  process.once('exit', () => {
    destination.flush(FLUSH_MS);
  });
  return createLogger({ baseFields: { source: 'docker-worker' }, level, destination });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'EISDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}
