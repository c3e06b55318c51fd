import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { ConfigError } from '../lib/config/config-error.js';
import { createLogger } from '../lib/log/logger.js';
import type { Logger } from '../lib/log/logger.js';
import { errorMessage } from '../lib/util/error-message.js';
import { runLocally } from '../local-run/run-locally.js';
import type { LocalOutcome } from '../local-run/run-locally.js';
import { TaskFileError, taskDefinition } from '../local-run/task-definition.js';

const TASK_QUEUE = { provisionerId: 'local', workerType: 'docker-worker' };
const BAD_USAGE = 2;
const FAILED = 1;

interface Options {
  readonly artifacts?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workerLog: 'debug' | 'info' | 'warn' | 'error';
}

/** Runs one task or payload file on this machine; returns the exit code, the task's own where there is one. */
export async function runTaskCommand(argv: readonly string[], inspect = listArtifacts): Promise<number> {
  try {
    const { file, options } = parse(argv);
    return await runFile(file, options, inspect);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    for (const line of error instanceof ConfigError ? error.problems : [errorMessage(error)]) {
      process.stderr.write(`run-task: ${line}\n`);
    }
    return error instanceof TaskFileError || isMissing(error) || error instanceof ConfigError ? BAD_USAGE : FAILED;
  }
}

function parse(argv: readonly string[]): { readonly file: string; readonly options: Options } {
  const command = new Command('run-task')
    .description('Run one task on this machine as a worker would, and end with its exit code.')
    .argument('<file>', 'YAML or JSON file with a task (payload and all) or a bare payload')
    .option('--artifacts <directory>', 'save the artifacts below this directory')
    .option('--env <name=value>', 'set an environment variable of the task; may be repeated', collectEnv, {})
    .option('--worker-log <level>', "print the worker's own log from this level on (debug, info, warn, error)", 'error')
    .addHelpText(
      'after',
      '\nExample:\n  node dist/bin/run-task.js examples/hello.yml --artifacts /tmp/out --env GREETED=you\n',
    )
    .exitOverride();
  command.parse([...argv], { from: 'user' });
  return { file: command.args[0] ?? '', options: command.opts<Options>() };
}

function collectEnv(setting: string, sofar: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const equals = setting.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected NAME=VALUE.');
  return { ...sofar, [setting.slice(0, equals)]: setting.slice(equals + 1) };
}

async function runFile(
  file: string,
  options: Options,
  inspect: (outcome: LocalOutcome, directory?: string) => Promise<void>,
): Promise<number> {
  const definition = taskDefinition(await readFile(file, 'utf8'), basename(file), TASK_QUEUE, options.env);
  const canceled = new AbortController();
  const cancel = (): void => {
    canceled.abort();
  };
  process.once('SIGINT', cancel).once('SIGTERM', cancel);
  const { run, exitCode } = await runLocally({
    definition,
    taskQueue: TASK_QUEUE,
    output: process.stdout,
    log: workerLog(options),
    env: process.env,
    version: packageVersion(),
    signal: canceled.signal,
    inspect: (outcome) => inspect(outcome, options.artifacts),
  });
  process.stdout.write(`Task ${run.state}${run.state === 'exception' ? ` (${run.reasonResolved ?? ''})` : ''}.\n`);
  if (run.state === 'completed') return 0;
  return exitCode === undefined || exitCode === 0 ? FAILED : exitCode;
}

async function listArtifacts({ watcher }: LocalOutcome, directory?: string): Promise<void> {
  const artifacts = await watcher.artifacts();
  if (artifacts.length > 0) process.stdout.write('\nArtifacts:\n');
  for (const { name, storageType } of artifacts) {
    if (storageType === 'error') {
      process.stdout.write(`  ${name}  (missing: see the log)\n`);
      continue;
    }
    const { bytes, url } = await watcher.download(name, directory);
    process.stdout.write(`  ${name}  ${bytes} bytes  ${directory === undefined ? url : `saved below ${directory}`}\n`);
  }
}

function workerLog({ workerLog: level }: Options): Logger {
  return createLogger({ baseFields: { source: 'docker-worker' }, level, destination: process.stderr });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'EISDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The package's own version. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
