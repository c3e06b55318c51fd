import { Writable } from 'node:stream';
import { ConfigError } from '../lib/config/config-error.js';
import type { Host } from '../lib/host/host.js';
import { LineOutput } from '../lib/host/line-output.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import { TestHost } from '../lib/host/test-host.js';
import { RunnerProtocol } from '../lib/host/worker-runner-protocol.js';
import { WorkerRunnerHost } from '../lib/host/worker-runner.js';
import type { WorkerArguments } from './worker-command.js';

/** A host, and what of this process it has to do with. */
export interface HostConnection {
  readonly host: Host;
  /** Nobody sits in front of it: what goes wrong at the start has to be told to somebody. */
  readonly isUnattended: boolean;
  /** Takes the worker's log, a line at a time; undefined: standard output. */
  readonly logDestination?: { write(line: string): void };
  /** Takes the WORKER_METRICS lines. */
  readonly metricsOutput: NodeJS.WritableStream;
  /** To be called before the worker runs, and when it has ended. */
  readonly connect?: () => void;
  readonly disconnect?: () => void;
}

const STDOUT = 1;

/** Makes the host that the command line asks for. Fails with a ConfigError. */
export function createHost(args: Pick<WorkerArguments, 'host' | 'runnerConfigPath'>): HostConnection {
  const own = { metricsOutput: process.stdout, isUnattended: false };
  switch (args.host) {
    case 'standalone':
      return { host: new StandaloneHost(), ...own };
    case 'test': {
      const settingsDir = process.env['DOCKER_WORKER_TEST_SETTINGS'];
      if (settingsDir) return { host: new TestHost(settingsDir), ...own };
      throw new ConfigError(['--host test: set DOCKER_WORKER_TEST_SETTINGS to the folder with its settings']);
    }
    case 'worker-runner':
      return workerRunner(args.runnerConfigPath ?? process.env['DOCKER_WORKER_CONFIG']);
    case 'aws':
    case 'packet':
      throw new ConfigError([`--host ${args.host}: not available in this version, use --host standalone`]);
  }
}

function workerRunner(configPath: string | undefined): HostConnection {
  if (!configPath) {
    throw new ConfigError(['--host worker-runner: set DOCKER_WORKER_CONFIG to the file that worker-runner wrote']);
  }
  const output = new LineOutput(STDOUT);
  const write = (line: string): void => {
    output.write(line);
  };
  const host = new WorkerRunnerHost({
    configPath,
    protocol: new RunnerProtocol({ input: process.stdin, write }),
    write,
    onProblem: (problem) => {
      process.stderr.write(`docker-worker: warning: ${problem}\n`);
    },
  });
  return {
    host,
    isUnattended: true,
    logDestination: {
      write: (line) => {
        host.writeLog(line);
      },
    },
    metricsOutput: new Writable({
      write: (text, _encoding, done) => {
        write(String(text));
        done();
      },
    }),
    connect: () => {
      host.connect();
    },
    disconnect: () => {
      host.disconnect();
    },
  };
}
