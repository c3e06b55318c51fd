import { ConfigError } from '../lib/config/config-error.js';
import { AwsHost } from '../lib/host/aws.js';
import type { Host } from '../lib/host/host.js';
import { PacketHost } from '../lib/host/packet.js';
import { POWER_OFF_COMMAND, powerOff } from '../lib/host/power-off.js';
import { StandaloneHost } from '../lib/host/standalone.js';
import { TestHost } from '../lib/host/test-host.js';
import { checkPoolFiles, writePoolFiles } from '../lib/host/pool-files.js';
import type { PlacePoolFiles } from '../lib/host/pool-files.js';
import { RunnerProtocol } from '../lib/host/worker-runner-protocol.js';
import { WorkerRunnerHost } from '../lib/host/worker-runner.js';
import type { LineOutput } from '../lib/log/line-output.js';
import { defaultFormat, logOutput } from './log-output.js';
import type { LogFormat } from './log-output.js';
import type { WorkerArguments } from './worker-command.js';

/** A host and its connections to this process. */
export interface HostConnection {
  readonly host: Host;
  /** No operator watches the start: failures have to be reported elsewhere. */
  readonly isUnattended: boolean;
  /** worker-runner started this process: standard output closes when that exits, and the exit code is 0. */
  readonly isStartedByRunner?: boolean;
  /** Receives the worker's log, one line at a time. worker-runner always gets and forwards JSON. */
  readonly logDestination: { write(line: string): void };
  /** Absent: JSON. */
  readonly logFormat?: LogFormat;
  /** Called before the worker runs; `disconnect` when it has ended. */
  readonly connect?: () => void;
  readonly disconnect?: () => void;
}

/** The outputs of this process. */
export interface Outputs {
  readonly stdout: LineOutput;
  readonly stderr: LineOutput;
  /** The file descriptor of `stdout`. */
  readonly stdoutDescriptor: number;
}

type OnProblem = (problem: string) => void;

interface HostServices {
  readonly onProblem: OnProblem;
  readonly placeFiles: PlacePoolFiles;
}

const CALL_TIMEOUT_MS = 30_000;

/** Makes the host that the command line asks for. Throws a ConfigError. */
export async function createHost(
  args: Pick<WorkerArguments, 'host' | 'runnerConfigPath' | 'action' | 'logFormat'>,
  { stdout, stderr, stdoutDescriptor }: Outputs,
): Promise<HostConnection> {
  const logFormat = args.logFormat ?? defaultFormat(stdoutDescriptor);
  const own = { logDestination: logOutput(stdout, logFormat), logFormat, isUnattended: false };
  const onProblem: OnProblem = (problem) => {
    stderr.writeMessage(`docker-worker: warning: ${problem}\n`);
  };
  // A command that only inspects changes nothing.
  const services = { onProblem, placeFiles: args.action === 'run' ? writePoolFiles : checkPoolFiles };
  switch (args.host) {
    case 'standalone':
      return { host: new StandaloneHost(), ...own };
    case 'test': {
      const settingsDir = process.env['DOCKER_WORKER_TEST_SETTINGS'];
      if (settingsDir) return { host: new TestHost(settingsDir), ...own };
      throw new ConfigError(['--host test: set DOCKER_WORKER_TEST_SETTINGS to its settings folder']);
    }
    case 'worker-runner':
      return workerRunner(args.runnerConfigPath ?? process.env['DOCKER_WORKER_CONFIG'], { stdout, stderr }, services);
    case 'aws':
      return { host: await aws(services), ...own, isUnattended: true };
    case 'packet':
      return { host: await packet(services), ...own, isUnattended: true };
  }
}

/** Reads environment variables; an empty one counts as not set. */
function overrides<K extends string>(variables: Readonly<Record<K, string>>): Partial<Record<K, string>> {
  const entries = Object.entries<string>(variables).map(([key, name]) => [key, process.env[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value)) as Partial<Record<K, string>>;
}

function powerOffMachine(): Promise<void> {
  const command = process.env['DOCKER_WORKER_SHUTDOWN_COMMAND']?.split(/\s+/).filter(Boolean) ?? [];
  return powerOff(command.length > 0 ? command : POWER_OFF_COMMAND);
}

/** Loads the client library only when needed, not for --help. */
async function fleetServices(services: HostServices) {
  const { TaskclusterWorkerManager } = await import('../lib/host/taskcluster-worker-manager.js');
  return { ...services, workerManager: new TaskclusterWorkerManager(CALL_TIMEOUT_MS), powerOff: powerOffMachine };
}

async function aws(services: HostServices): Promise<Host> {
  return new AwsHost({
    ...(await fleetServices(services)),
    ...overrides({
      metadataUrl: 'DOCKER_WORKER_METADATA_URL',
      registrationFile: 'DOCKER_WORKER_REGISTRATION',
    }),
  });
}

async function packet(services: HostServices): Promise<Host> {
  return new PacketHost({
    ...(await fleetServices(services)),
    ...overrides({ metadataUrl: 'DOCKER_WORKER_METADATA_URL', userDataFile: 'DOCKER_WORKER_USER_DATA' }),
  });
}

function workerRunner(
  configPath: string | undefined,
  { stdout, stderr }: Pick<Outputs, 'stdout' | 'stderr'>,
  services: HostServices,
): HostConnection {
  if (!configPath) {
    throw new ConfigError(['--host worker-runner: set DOCKER_WORKER_CONFIG to the file that worker-runner wrote']);
  }
  const protocol = new RunnerProtocol({
    input: process.stdin,
    write: (line, type) => {
      if (type === 'log') stdout.write(line);
      else stdout.writeMessage(line);
    },
  });
  const host = new WorkerRunnerHost({
    configPath,
    protocol,
    write: (line) => {
      stdout.write(line);
    },
    writeDetached: (line) => {
      stderr.write(line);
    },
    ...services,
  });
  return {
    host,
    isStartedByRunner: true,
    isUnattended: true,
    logDestination: {
      write: (line) => {
        host.writeLog(line);
      },
    },
    connect: () => {
      host.connect();
    },
    disconnect: () => {
      host.disconnect();
    },
  };
}
