import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { CommanderError } from 'commander';
import { LOG_FORMATS } from './log-output.js';
import type { LogFormat } from './log-output.js';

export const HOSTS = ['aws', 'packet', 'worker-runner', 'standalone', 'test'] as const;
/** Old names of worker-runner. */
const OLD_NAMES: Readonly<Record<string, string>> = { 'taskcluster-worker-runner': 'worker-runner' };

/** The parsed command line. */
export interface WorkerArguments {
  readonly action: 'run' | 'print-config' | 'check';
  readonly host: (typeof HOSTS)[number];
  /** Undefined: the packaged file with `profile`. */
  readonly configPath: string | undefined;
  readonly profile: string | undefined;
  /** The file that worker-runner wrote, if the command line names it. */
  readonly runnerConfigPath?: string;
  /** The format of the worker's own log; undefined: text on a terminal, else JSON. */
  readonly logFormat: LogFormat | undefined;
  /** Settings by configuration key. */
  readonly flags: Readonly<Record<string, string | number>>;
}

interface Flags {
  readonly logFormat?: LogFormat;
  readonly host: WorkerArguments['host'];
  readonly profile?: string;
  readonly printConfig?: true;
  readonly check?: true;
  readonly [setting: string]: unknown;
}

const SETTINGS = ['capacity', 'provisionerId', 'workerType', 'workerGroup', 'workerId', 'workerNodeType'];
const PACKAGED_PROFILES = ['production', 'test'];

const EXAMPLES = `
Examples:
  node dist/bin/worker.js config.yml                    credentials from the TASKCLUSTER_* variables
  node dist/bin/worker.js my-worker.yml --check         check configuration, machine, docker and queue
  node dist/bin/worker.js my-worker.yml --print-config  print the result of all files, flags and the host
  node dist/bin/worker.js -c 4 --worker-id box-1 my-worker.yml
  node dist/bin/worker.js production                    the packaged settings for fleets
  node dist/bin/worker.js --host aws production         on an EC2 instance; the rest comes from its user data
  node dist/bin/worker.js --host worker-runner production
  node dist/bin/worker.js run --config <file> --with-worker-runner
                                                        as older and newer versions of worker-runner start a worker;
                                                        both accept --check and --print-config

Environment: TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN, TASKCLUSTER_CERTIFICATE (temporary
credentials only), DOCKER_HOST, and what your configuration names with !env tags. For hosts: DOCKER_WORKER_CONFIG (the
file that worker-runner wrote), DOCKER_WORKER_METADATA_URL, DOCKER_WORKER_USER_DATA, DOCKER_WORKER_REGISTRATION and
DOCKER_WORKER_SHUTDOWN_COMMAND; see docs/hosts.md.
Signals: SIGTERM aborts running tasks, which the queue retries, and exits within two minutes. SIGQUIT, or Ctrl-C once,
lets them end first (Ctrl-C again aborts them). SIGHUP looks for new devices. SIGUSR2 hands the tasks over to the next worker.
Exit codes: 0 done; 1 crashed, a check failed or standard output was closed; 2 bad usage or configuration (see standard
error); 3 stalled and ended by its watchdog.`;

const CHECK = 'check configuration, machine, docker and queue, print what will not work, and exit';

/** Parses the command line. For help, version and wrong usage commander prints the text and throws a CommanderError. */
export function parseWorkerArguments(argv: readonly string[], version: string): WorkerArguments {
  return isRunnerCommand(argv) ? parseRunnerCommand(argv, version) : parseWorkerCommand(argv, version);
}

/** Tells whether worker-runner wrote this command line: `run` alone may be the name of a file. */
function isRunnerCommand([command, ...options]: readonly string[]): boolean {
  return command === 'run' && options.some((option) => /^--(config|with-worker-runner|help|version)\b/.test(option));
}

/** Parses the command line with which newer versions of worker-runner start a generic-worker. */
function parseRunnerCommand([, ...argv]: readonly string[], version: string): WorkerArguments {
  const command = new Command('docker-worker run')
    .description('Runs the worker in the way that worker-runner runs generic-worker.')
    .requiredOption('--config <file>', 'JSON file that worker-runner wrote')
    .requiredOption('--with-worker-runner', 'talk to worker-runner on standard input and output')
    .option('--profile <name>', 'section of the configuration files to lay over their defaults', 'production')
    .addOption(printConfigOption())
    .option('--check', CHECK)
    .version(version)
    .showHelpAfterError('(--help shows all options)')
    .exitOverride();
  command.parse(argv, { from: 'user' });
  const { config, profile, ...action } = command.opts<
    Pick<Flags, 'profile' | 'printConfig' | 'check'> & { readonly config: string }
  >();
  const source = { configPath: undefined, profile, runnerConfigPath: config };
  return { ...actionAndHost({ host: 'worker-runner', ...action }), ...source, logFormat: undefined, flags: {} };
}

function parseWorkerCommand(argv: readonly string[], version: string): WorkerArguments {
  const command = new Command('docker-worker')
    .description('Claims tasks from a Taskcluster queue and runs each in a Docker container.')
    .argument('<config>', 'YAML or JSON file, or production or test for the packaged settings')
    .addOption(hostOption())
    .option('--profile <name>', 'section of the configuration files to lay over their defaults')
    .option('-c, --capacity <n>', 'tasks to run at once', numberIfPossible)
    .option('--provisioner-id <id>', 'first part of the worker pool')
    .option('--worker-type <id>', 'second part of the worker pool')
    .option('--worker-group <id>', 'group of workers this one belongs to')
    .option('--worker-id <id>', 'name of this worker within its group (default: host name)')
    .option('--worker-node-type <type>', 'kind of machine, for logs')
    .addOption(printConfigOption())
    .option('--check', CHECK)
    .addOption(
      new Option(
        '--log-format <format>',
        "how the worker's log is written (default: text on a terminal, else json)",
      ).choices(LOG_FORMATS),
    )
    .version(version)
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(--help shows all options)')
    .exitOverride();
  command.parse(argv, { from: 'user' });

  const flags = command.opts<Flags>();
  const [config = ''] = command.args;
  const { logFormat } = flags;
  return { ...actionAndHost(flags), ...configSource(config, flags.profile), logFormat, flags: settings(flags) };
}

function printConfigOption(): Option {
  return new Option('--print-config', 'print the merged configuration, secrets as ***, and exit').conflicts('check');
}

function hostOption(): Option {
  const option = new Option('--host <host>', 'kind of machine this is').choices(HOSTS).default('standalone');
  const parse = option.parseArg;
  return option.argParser((name: string, previous: string) => parse?.(OLD_NAMES[name] ?? name, previous) as string);
}

/** Returns the exit code for what parseWorkerArguments throws: help and version are not errors. */
export function usageExitCode(error: CommanderError): 0 | 2 {
  return error.exitCode === 0 ? 0 : 2;
}

function actionAndHost({ host, printConfig, check }: Flags): Pick<WorkerArguments, 'action' | 'host'> {
  if (printConfig) return { action: 'print-config', host };
  return { action: check ? 'check' : 'run', host };
}

/** Returns the configuration's source: old start scripts name a profile, not a file; a file of that name wins. */
function configSource(config: string, profile: string | undefined): Pick<WorkerArguments, 'configPath' | 'profile'> {
  if (!PACKAGED_PROFILES.includes(config) || existsSync(config)) return { configPath: config, profile };
  return { configPath: undefined, profile: profile ?? config };
}

function settings(flags: Flags): Readonly<Record<string, string | number>> {
  const given = SETTINGS.map((key) => [key, flags[key]] as const);
  return Object.fromEntries(
    given.filter((entry): entry is readonly [string, string | number] => entry[1] !== undefined),
  );
}

/** Returns text that is not a number unchanged, so that the configuration's validation reports it. */
function numberIfPossible(text: string): string | number {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
