import os from 'node:os';
import { CommanderError } from 'commander';
import { ConfigError } from '../lib/config/config-error.js';
import type { Config } from '../lib/config/config.js';
import { loadConfig } from '../lib/config/load-config.js';
import type { ConfigSources, LoadedConfig } from '../lib/config/load-config.js';
import { printConfig } from '../lib/config/print-config.js';
import type { Host } from '../lib/host/host.js';
import { AlertForwarder } from '../lib/host/alert-forwarder.js';
import { HostError } from '../lib/host/host.js';
import { withoutProtocol } from '../lib/host/worker-runner-protocol.js';
import { LineOutput } from '../lib/log/line-output.js';
import { createLogger } from '../lib/log/logger.js';
import { RecentProblems } from '../lib/log/recent-problems.js';
import type { Logger, LoggerOptions } from '../lib/log/logger.js';
import { untilAborted } from '../lib/util/abortable.js';
import { errorMessage } from '../lib/util/error-message.js';
import { packageFile, packageVersion } from '../lib/util/package-file.js';
import type { WorkerSetup } from '../lib/worker/compose/worker.js';
import { shownConfig } from '../lib/worker/status/shown-config.js';
import { Watchdog } from '../lib/worker/watchdog/watchdog.js';
import { createHost } from './create-host.js';
import type { HostConnection } from './create-host.js';
import { defaultFormat, logOutput } from './log-output.js';
import type { LogFormat } from './log-output.js';
import type { ProcessSignals } from './process-signals.js';
import { limitMemory } from './runtime.js';
import { parseWorkerArguments, usageExitCode } from './worker-command.js';
import type { WorkerArguments } from './worker-command.js';

const OK = 0;
const CRASHED = 1;
const BAD_USAGE = 2;
const STALLED = 3;

const STDOUT = 1;
const STDERR = 2;
// How long a slow reader gets to catch up before the process exits.
const FLUSH_MS = 2000;

const stderr = new LineOutput(STDERR);
const stdout = new LineOutput(STDOUT, {
  fallback: {
    // The reader of standard error is not worker-runner.
    writeMessage: (line) => {
      const plain = withoutProtocol(line);
      if (plain !== undefined) stderr.writeMessage(plain);
    },
  },
});
process.on('exit', () => {
  stdout.flush(FLUSH_MS);
  stderr.flush(FLUSH_MS);
});

/** The log's settings before the configuration is known. */
const BARE_LOG = { baseFields: { source: 'docker-worker' }, level: 'info' } as const;

/** Does what the command line asks; returns the exit code. Never fails. */
export async function runWorker(signals: ProcessSignals): Promise<number> {
  return await main(signals).catch(report);
}

async function main(signals: ProcessSignals): Promise<number> {
  const version = packageVersion();
  const args = parseWorkerArguments(process.argv.slice(2), version);
  const connection = await createHost(args, { stdout, stderr, stdoutDescriptor: STDOUT });
  if (args.action !== 'run') {
    signals.restoreDefaults();
    return await look(args, connection.host);
  }
  const { host, logDestination: destination, logFormat = 'json', isStartedByRunner = false } = connection;
  const reports = new AlertForwarder(host, (error) => {
    printError(`warning: an error could not be reported: ${errorMessage(error)}`);
  });
  let alerts = 0;
  const problems = new RecentProblems();
  const output: Pick<LoggerOptions, 'destination' | 'onAlert' | 'onProblem'> = {
    destination,
    onProblem: (level, event, fields) => {
      problems.add(level, event, fields);
    },
    onAlert: (event, fields) => {
      alerts += 1;
      reports.alert(event, fields);
    },
  };
  connection.connect?.();
  try {
    const loaded = await untilAborted(load(args, host), signals.stopped);
    const { config, secrets, isUntouched } = loaded;
    const log = createLogger({ baseFields: baseFields(config), level: config.logging.level, secrets, ...output });
    exitOnCrash(log, reports);
    stdout.onDropped((lines) => {
      log.warn('log lines dropped', { lines });
    });
    const shown = { problems: () => problems.newestFirst, shownConfig: () => shownConfig(loaded) };
    const logging = { logFormat, alerts: () => alerts, ...shown };
    // On a fleet's machine every missing file is unexpected.
    const own = host.name === 'standalone' ? { isUntouched } : {};
    return await run({ config, secrets, host, isStartedByRunner, log, version, signals, ...logging, ...own });
  } catch (error) {
    const log = createLogger({ ...BARE_LOG, ...output });
    if (error === signals.stopped.reason) return stopEarly(log);
    if (connection.isUnattended) await giveUp(error, connection, { log, reports });
    throw error;
  } finally {
    await reports.settle();
    connection.disconnect?.();
  }
}

/** Prints or checks the configuration, without becoming a worker. */
async function look(args: WorkerArguments, host: Host): Promise<number> {
  const loaded = await load(args, host);
  if (args.action === 'print-config') {
    stdout.writeMessage(printConfig(loaded));
    return OK;
  }
  const { config, secrets } = loaded;
  const { level } = config.logging;
  const destination = logOutput(stdout, args.logFormat ?? defaultFormat(STDOUT));
  return await check(config, createLogger({ baseFields: baseFields(config), level, secrets, destination }), host);
}

async function load(args: WorkerArguments, host: Host): Promise<LoadedConfig> {
  const loaded = await loadConfig({
    packagedConfigPath: packageFile('config.yml'),
    configPath: args.configPath,
    profile: args.profile,
    searchDirs: ['.', os.homedir(), '/etc'],
    host: await hostLayer(host),
    flags: args.flags,
    env: process.env,
    machine: { hostname: os.hostname(), cores: os.availableParallelism() },
  });
  for (const warning of loaded.warnings) printError(`warning: ${warning}`);
  return loaded;
}

async function hostLayer(host: Host): Promise<NonNullable<ConfigSources['host']>> {
  const values = await host.configure();
  return { name: `host ${host.name}`, values, ...(host.defaults && { defaults: host.defaults }) };
}

/** Logs a stop that came while the configuration was being loaded: there is nothing to release. */
function stopEarly(log: Logger): number {
  log.info('shutdown', { mode: 'graceful', running: 0 });
  log.info('exit', { code: OK });
  return OK;
}

/** Reports that a fleet's machine can't start its worker, and shuts it down if a retry is pointless: it costs money. */
async function giveUp(error: unknown, connection: HostConnection, reporting: Reporting): Promise<void> {
  const shutsDown = isPermanent(error, connection);
  reporting.log.alert('worker start failed', { error, shutsDown });
  // Reports can't be sent any more once the machine shuts down.
  await reporting.reports.settle();
  if (shutsDown) await connection.host.shutdown();
}

interface Reporting {
  readonly log: Logger;
  readonly reports: AlertForwarder;
}

function isPermanent(error: unknown, { isStartedByRunner }: HostConnection): boolean {
  if (error instanceof HostError) return true;
  // A worker that has lost its worker-runner and still finishes its tasks blocks the next one.
  if (error instanceof ConfigError && error.isOccupied) return false;
  // worker-runner keeps a machine whose worker exits with an error, and never restarts the worker.
  if (isStartedByRunner) return true;
  return error instanceof ConfigError && error.keys.some((key) => /^(rootUrl|taskcluster(\..*)?)$/.test(key));
}

/** Runs --check. Only this command imports the preflight module, which loads the clients of docker and the queue. */
async function check(config: Config, log: Logger, host: Host): Promise<number> {
  const { checkWorker } = await import('../lib/worker/compose/preflight.js');
  const { problems, warnings } = await checkWorker(config, log, {
    searchPath: process.env['PATH'] ?? '',
    areCredentialsRenewed: host.isManaged === true,
  });
  for (const warning of warnings) printError(`warning: ${warning}`);
  for (const problem of problems) printError(problem);
  if (problems.length > 0) return CRASHED;
  stdout.writeMessage('The configuration is valid; docker and the queue answer.\n');
  return OK;
}

type Given = 'config' | 'secrets' | 'host' | 'alerts' | 'isUntouched' | 'problems' | 'shownConfig';

interface RunOptions extends Pick<WorkerSetup, Given> {
  readonly isStartedByRunner: boolean;
  readonly logFormat: LogFormat;
  readonly log: Logger;
  readonly version: string;
  readonly signals: ProcessSignals;
}

async function run({ isStartedByRunner, logFormat, signals, ...given }: RunOptions): Promise<number> {
  const { config, log } = given;
  const { makeWorker } = await import('../lib/worker/compose/worker.js');
  limitMemory();
  const metricsOutput = {
    write: (line: string) => {
      // These lines are for programs, as JSON is.
      if (logFormat === 'json') stdout.writeMessage(line);
    },
  };
  const droppedLogLines = (): number => stdout.droppedLines + stderr.droppedLines;
  const worker = await makeWorker({ ...given, nodeVersion: process.version, metricsOutput, droppedLogLines });
  // The log's reader is gone for good: a worker without one finishes its tasks and claims no more.
  stdout.onClosed(() => {
    log.error('standard output closed');
    worker.stop('graceful', isStartedByRunner ? OK : CRASHED);
  });
  signals.passTo(worker);
  const watchdog = watchStalls(config, log);
  try {
    await worker.run();
    return worker.exitCode;
  } catch (error) {
    log.alert('worker crashed', { error });
    log.error('exit', { error });
    return CRASHED;
  } finally {
    await watchdog?.stop();
  }
}

function watchStalls({ stateDir, watchdog }: Config, log: Logger): Watchdog | undefined {
  const stallTimeoutMs = watchdog.stallTimeout;
  // A run from source has no watchdog: threads do not get the loader that compiles TypeScript.
  if (stallTimeoutMs === 0 || import.meta.url.endsWith('.ts')) return undefined;
  // The build puts this module into a folder next to that of the programs.
  const threadUrl = new URL('../bin/watchdog-thread.js', import.meta.url);
  return new Watchdog({ threadUrl, stateDir, stallTimeoutMs, exitCode: STALLED, log });
}

/** Exits after an unhandled error, when nothing is certain any more; the next start recovers interrupted runs. */
function exitOnCrash(log: Logger, reports: AlertForwarder): void {
  const crash = (error: unknown): void => {
    log.alert('worker crashed', { error });
    log.error('exit', { error });
    void reports.settle().finally(() => process.exit(CRASHED));
  };
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
}

/** Writes to standard error why the worker did not start, one line per problem. Returns the exit code. */
function report(error: unknown): number {
  // Commander has already written its message.
  if (error instanceof CommanderError) return usageExitCode(error);
  if (error instanceof ConfigError) {
    for (const problem of error.problems) printError(problem);
    return BAD_USAGE;
  }
  printError(errorMessage(error));
  return CRASHED;
}

function printError(problem: string): void {
  stderr.writeMessage(`docker-worker: ${problem}\n`);
}

function baseFields(config: Config): Readonly<Record<string, string>> {
  const { provisionerId, workerId, workerGroup, workerType, workerNodeType } = config;
  return { source: 'docker-worker', provisionerId, workerId, workerGroup, workerType, workerNodeType };
}
