#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { ConfigError } from '../lib/config/config-error.js';
import type { Config } from '../lib/config/config.js';
import { loadConfig } from '../lib/config/load-config.js';
import type { LoadedConfig } from '../lib/config/load-config.js';
import { printConfig } from '../lib/config/print-config.js';
import type { Host } from '../lib/host/host.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import { TestHost } from '../lib/host/test-host.js';
import { createLogger } from '../lib/log/logger.js';
import type { Logger } from '../lib/log/logger.js';
import { errorMessage } from '../lib/util/error-message.js';
import { parseWorkerArguments, usageExitCode } from './worker-command.js';
import type { WorkerArguments } from './worker-command.js';

const OK = 0;
const CRASHED = 1;
const BAD_USAGE = 2;

/** The same depth from src/bin and from dist/bin. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

// An explicit exit: a connection that somebody forgot must not keep a finished worker from ending.
process.exit(await main().catch(report));

async function main(): Promise<number> {
  const version = packageVersion();
  const args = parseWorkerArguments(process.argv.slice(2), version);
  const host = createHost(args.host);
  const loaded = await load(args, host);
  for (const warning of loaded.warnings) process.stderr.write(`docker-worker: warning: ${warning}\n`);
  if (args.action === 'print-config') {
    process.stdout.write(printConfig(loaded));
    return OK;
  }
  const { config } = loaded;
  const log = createLogger({ baseFields: baseFields(config), level: config.logging.level, secrets: loaded.secrets });
  return args.action === 'check' ? await check(config, log) : await run(config, host, log, version);
}

async function load(args: WorkerArguments, host: Host): Promise<LoadedConfig> {
  return await loadConfig({
    packagedConfigPath: path.join(ROOT, 'config.yml'),
    configPath: args.configPath,
    profile: args.profile,
    searchDirs: ['.', os.homedir(), '/etc'],
    host: { name: `host ${host.name}`, values: await host.configure() },
    flags: args.flags,
    env: process.env,
    machine: { hostname: os.hostname(), cores: os.availableParallelism() },
  });
}

function createHost(name: WorkerArguments['host']): Host {
  switch (name) {
    case 'standalone':
      return new StandaloneHost();
    case 'test': {
      const settingsDir = process.env['DOCKER_WORKER_TEST_SETTINGS'];
      if (settingsDir) return new TestHost(settingsDir);
      throw new ConfigError(['--host test: set DOCKER_WORKER_TEST_SETTINGS to the folder with its settings']);
    }
    case 'aws':
    case 'packet':
    case 'worker-runner':
      throw new ConfigError([`--host ${name}: not available in this version, use --host standalone`]);
  }
}

/** Composing the worker loads all of it, so only what needs it imports it. */
async function check(config: Config, log: Logger): Promise<number> {
  const { checkServices } = await import('../lib/worker/compose.js');
  const problems = await checkServices(config, log);
  for (const problem of problems) process.stderr.write(`docker-worker: ${problem}\n`);
  if (problems.length > 0) return CRASHED;
  process.stdout.write('The configuration is good, docker and the queue answer.\n');
  return OK;
}

async function run(config: Config, host: Host, log: Logger, version: string): Promise<number> {
  exitOnCrash(log);
  const { composeWorker } = await import('../lib/worker/compose.js');
  const worker = await composeWorker({ config, host, log, version, metricsOutput: process.stdout });
  let signals = 0;
  const stop = (): void => {
    signals += 1;
    worker.stop(signals === 1 ? 'graceful' : 'immediate');
  };
  const rediscover = (): void => {
    void worker.rediscover();
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', rediscover);
  try {
    await worker.run();
    return OK;
  } catch (error) {
    log.error('exit', { error });
    return CRASHED;
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', rediscover);
  }
}

/** After an error that nobody handled nothing is certain any more; what was running is found again at the next start. */
function exitOnCrash(log: Logger): void {
  const crash = (error: unknown): void => {
    log.error('exit', { error });
    process.exit(CRASHED);
  };
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
}

/** Says on standard error, in one line for each problem, why the worker did not start. Returns the exit code. */
function report(error: unknown): number {
  // Commander has written its message already.
  if (error instanceof CommanderError) return usageExitCode(error);
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`docker-worker: ${problem}\n`);
    return BAD_USAGE;
  }
  process.stderr.write(`docker-worker: ${errorMessage(error)}\n`);
  return CRASHED;
}

function baseFields(config: Config): Readonly<Record<string, string>> {
  const { provisionerId, workerId, workerGroup, workerType, workerNodeType } = config;
  return { source: 'docker-worker', provisionerId, workerId, workerGroup, workerType, workerNodeType };
}

function packageVersion(): string {
  const text = readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
