import { availableParallelism } from 'node:os';
import { dockerEndpoint } from '../../lib/config/complete-config.js';
import { isTree } from '../../lib/config/layers.js';
import type { ConfigTree } from '../../lib/config/layers.js';
import { DockerodeEngine } from '../../lib/docker/dockerode-engine.js';
import { errorMessage } from '../../lib/util/error-message.js';
import type { ResourceStack } from '../../lib/util/resource-stack.js';
import type { Checkout } from '../checkout/checkout.js';
import { GitServer } from '../git-server/git-server.js';
import type { ContainerHost } from '../graph/container-host.js';
import type { RunOptions } from '../graph/run-options.js';
import type { RenderedTask } from '../model.js';
import { hostDirectories, hostDirectory } from '../payload/host-directories.js';
import { forWorker, mentions } from './for-worker.js';
import type { Setting } from './options.js';
import { parseEnvFile } from './env-file.js';
import { tell } from './program.js';
import type { Program } from './program.js';
import { readText } from './read-text.js';
import type { Secrets } from './secrets.js';
import type { ServedCommit } from './served-commit.js';
import type { Settings } from './settings.js';
import { ShellChoice } from './shell-choice.js';
import { Shells } from './shells.js';

/** What the runs of one command line have in common. */
export interface RunContext {
  readonly settings: Settings;
  readonly program: Program;
  /** Settings of the workers. */
  readonly config: ConfigTree;
  /** The deployment that is asked for what is not here. */
  readonly upstream: RunOptions['upstream'];
  readonly secrets: Secrets;
  readonly environment: readonly Setting[];
  readonly host: ContainerHost;
}

/** One run. */
export interface RunPlan {
  readonly checkout: Checkout;
  /** Undefined: git in the containers asks the repository's host. */
  readonly served: ServedCommit | undefined;
  readonly tasks: readonly RenderedTask[];
  readonly folder: string;
  /** The port of the local Taskcluster; any free one by default. */
  readonly port: number | undefined;
  /** Cancels the run. */
  readonly signal: AbortSignal;
}

/** Reads `--env-file` and `--env`. Throws a CiInputError. */
export async function userEnvironment({ given }: Settings): Promise<readonly Setting[]> {
  const files: Setting[] = [];
  for (const path of given.envFile ?? []) files.push(...parseEnvFile(await readText(path, '--env-file'), path));
  return [...files, ...(given.env ?? [])];
}

/** Starts what the run needs besides workers and Taskcluster; `resources` ends it. Throws a CiInputError. */
export async function setUpRun(context: RunContext, plan: RunPlan, resources: ResourceStack): Promise<RunOptions> {
  const { settings, program, config, upstream, secrets } = context;
  const { given } = settings;
  const { env: environment, progress } = program;
  const written = config['docker'];
  const engine = new DockerodeEngine(dockerEndpoint(isTree(written) ? written : {}, environment));
  const choice = await ShellChoice.make(given, plan.tasks, { engine, signal: plan.signal });
  const waits = (name: string, taskId: string): boolean => choice.modeOf(name, taskId) !== undefined;
  const shells = new Shells({ engine, program, waits, signal: plan.signal });
  const mounts = mountsOf(context, plan);
  return {
    concurrency: given.concurrency ?? Math.max(1, Math.floor(availableParallelism() / 2)),
    mode: given.failFast === true ? 'fail-fast' : 'keep-going',
    output: program.output,
    progress,
    isTerminal: program.stdout.isTTY === true,
    columns: progress.isTTY === true ? () => progress.columns ?? 0 : undefined,
    directory: plan.folder,
    artifactsDirectory: given.artifacts,
    cacheDirectory: given.cacheDir,
    keepContainers: given.keep === true,
    host: context.host,
    port: plan.port,
    page: program.runPage(given),
    upstream,
    environment,
    secrets,
    settings: config,
    features: mounts.features,
    forWorker: changer({ context, choice, mounts, gitEnvironment: await serveGit(context, plan, resources) }),
    onTaskRunning: (task) => {
      shells.started(task);
    },
    log: program.workerLog(given.workerLog ?? 'error'),
    version: program.version,
    signal: plan.signal,
    abandon: program.abandoned,
    onLeft: (error) => {
      tell(program, `not cleaned up: ${errorMessage(error)}`);
    },
  };
}

interface Mounts {
  readonly features: NonNullable<RunOptions['features']>;
  /** Called for each task that has the checkout mounted. */
  readonly add: (taskId: string) => void;
}

function mountsOf({ settings }: RunContext, { checkout }: RunPlan): Mounts {
  const { bind } = settings.given;
  if (bind === undefined) return { features: [], add: () => undefined };
  const mount = hostDirectory(checkout.directory, bind);
  const mounted = new Set<string>();
  const feature = hostDirectories((taskId) => (mounted.has(taskId) ? [mount] : []));
  return { features: [feature], add: (taskId) => void mounted.add(taskId) };
}

interface Changer {
  readonly context: RunContext;
  readonly choice: ShellChoice;
  readonly mounts: Mounts;
  readonly gitEnvironment: Readonly<Record<string, string>>;
}

function changer({ context, choice, mounts, gitEnvironment }: Changer): NonNullable<RunOptions['forWorker']> {
  const { settings, program, environment } = context;
  const { bind, image = [] } = settings.given;
  const changes = {
    images: new Map(image),
    gitEnvironment,
    environment,
    bind,
    imageCommands: choice.imageCommands,
    shellMode: (name: string, taskId: string) => choice.modeOf(name, taskId),
    tell: (line: string) => {
      tell(program, line);
    },
  };
  return (task) => {
    if (bind !== undefined && mentions(task.definition.payload, bind)) mounts.add(task.taskId);
    return forWorker(task, changes);
  };
}

/** Returns the variables that make git in the containers use the checkout; none when it is not served. */
async function serveGit(
  { program, host }: RunContext,
  { checkout, served, folder, signal }: RunPlan,
  resources: ResourceStack,
): Promise<Readonly<Record<string, string>>> {
  const source = `https://${checkout.host}`;
  if (!served) {
    tell(program, `The commit of the event is not in this checkout: tasks get it from ${source}.`);
    return {};
  }
  if (!host.isReachable) {
    tell(program, `Containers can't reach this machine: tasks get the commit from ${source}, where it has to be.`);
    return {};
  }
  const [, ...alsoKnownAs] = served.names;
  const { commit, refs } = served;
  const { env } = program;
  const options = { checkout: { ...checkout, commit }, host: host.address, directory: folder, env, refs, alsoKnownAs };
  const server = await GitServer.start(options, signal);
  resources.defer('git server', () => server.close());
  for (const note of server.notes) tell(program, note);
  return server.environment;
}
