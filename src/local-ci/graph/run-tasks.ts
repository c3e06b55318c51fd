import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clients } from 'taskcluster-client';
import { untilAborted } from '../../lib/util/abortable.js';
import { LinkedAbort } from '../../lib/util/linked-abort.js';
import { makeDirectory } from '../../lib/util/make-directory.js';
import { ResourceStack } from '../../lib/util/resource-stack.js';
import { LocalTaskcluster } from '../../local-taskcluster/server.js';
import type { LocalTaskclusterState } from '../../local-taskcluster/server.js';
import { keepPage, showPage } from '../../local-run/run-page.js';
import { ClaimGate } from './claim-gate.js';
import { findContainerHost } from './container-host.js';
import type { ContainerHost } from './container-host.js';
import { exitCodeFor, FAILURE, SUCCESS } from './exit-code.js';
import { GraphWatch } from './graph-watch.js';
import type { LocalRole } from './local-roles.js';
import type { GraphResult, RunOptions } from './run-options.js';
import { RunParts } from './run-parts.js';
import type { Screen } from './screen.js';
import { summaryLines } from './summary.js';
import { TaskBoard } from './task-board.js';
import { taskResult } from './task-result.js';
import type { RunFacts } from './task-result.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** Which tasks run. */
export interface Work {
  readonly roles: readonly LocalRole[];
  /** What an earlier run left; undefined: there was none. */
  readonly state?: LocalTaskclusterState;
  /** What was known of the tasks of an earlier run, by task id. */
  readonly knownFacts?: Readonly<Record<string, RunFacts>>;
  /** Makes the tasks that are to run, before any starts. Throws CiInputError. */
  readonly prepare: (taskcluster: LocalTaskcluster) => Promise<void>;
  /** Whether a pending task has to wait for others, besides its dependencies. */
  readonly mustWait?: (task: TaskView, board: TaskBoard) => boolean;
  /** The ids of the tasks that were asked for by name. */
  readonly asked: ReadonlySet<string>;
  /** Called at the end, while the local Taskcluster exists and nothing runs. */
  readonly keep: (taskcluster: LocalTaskcluster, facts: Readonly<Record<string, RunFacts>>) => Promise<void>;
  /** A line before the run; undefined: none. */
  readonly note?: string | undefined;
}

/** The directory, in that of the run, with the contents of artifacts. */
export const DATA_DIRECTORY = 'taskcluster';

const UNREACHABLE =
  "Containers can't reach the local Taskcluster (Docker's bridge has no address on this machine): what tasks download " +
  'from TASKCLUSTER_ROOT_URL themselves fails; what goes through taskclusterProxy works.';

/** Runs tasks on this machine, with an embedded Taskcluster and a worker for each task queue. */
export async function runTasks(given: RunOptions, work: Work): Promise<GraphResult> {
  const cleanup = new ResourceStack((_what, error) => {
    given.onLeft(error);
  });
  // Every worker and every artifact that waits has a listener: more than Node expects of a signal.
  const abandon = new LinkedAbort(given.abandon);
  cleanup.defer('signal', () => {
    abandon.dispose();
  });
  const options = { ...given, abandon: abandon.signal };
  try {
    await makeDirectory(join(options.directory, 'logs'));
    const temporary = await mkdtemp(join(tmpdir(), 'local-ci-'));
    cleanup.defer('temporary directory', () => rm(temporary, { recursive: true, force: true }));
    return await untilAborted(runWithin(temporary, { options, work, cleanup }), options.abandon);
  } finally {
    await cleanup.close();
  }
}

interface Run {
  readonly options: RunOptions;
  readonly work: Work;
  readonly cleanup: ResourceStack;
}

async function runWithin(temporary: string, { options, work, cleanup }: Run): Promise<GraphResult> {
  const board = new TaskBoard();
  const { concurrency, mode } = options;
  const gate = new ClaimGate({ concurrency, board, mustWait: (task) => work.mustWait?.(task, board) ?? false });
  const host = options.host ?? (await findContainerHost(options.environment, options.settings));
  const taskcluster = await startTaskcluster({ options, work, host, gate });
  cleanup.defer('local Taskcluster', () => taskcluster.close());
  const parts = new RunParts({
    options,
    taskcluster,
    board,
    temporary,
    roles: work.roles,
    known: work.knownFacts ?? {},
  });
  cleanup.defer('screen', () => untilClosed(parts.screen, options.abandon));
  cleanup.defer('logs', () => {
    parts.logs.abandon();
  });
  cleanup.defer('workers', () => parts.workers.stop('immediate', options.abandon));
  for (const line of [host.isReachable ? undefined : UNREACHABLE, work.note]) if (line !== undefined) parts.news(line);
  await parts.storeSecrets();

  const watch = new GraphWatch({ source: taskcluster, board, gate, mode, ...parts.hooks });
  cleanup.defer('watch', () => {
    watch.close();
  });
  await work.prepare(taskcluster);
  showPage(options.page, taskcluster, { path: pathOf(taskcluster.tasks()), tell: parts.news });
  await follow(watch, parts, options.signal);
  options.abandon.throwIfAborted();
  const result = await conclude({ options, work, taskcluster, watch, parts, board });
  await keepPage(options.page, parts.news);
  return result;
}

/** Returns the path of the page that shows all tasks: that of their group, if they have one in common. */
function pathOf(tasks: readonly TaskView[]): string {
  const [group, ...others] = new Set(tasks.map(({ status }) => status.taskGroupId));
  return group === undefined || others.length > 0 ? '/' : `/tasks/groups/${group}`;
}

interface Start {
  readonly options: RunOptions;
  readonly work: Work;
  readonly host: ContainerHost;
  readonly gate: ClaimGate;
}

async function startTaskcluster({ options, work, host, gate }: Start): Promise<LocalTaskcluster> {
  return await LocalTaskcluster.start({
    host: host.address,
    ...(options.port !== undefined && { port: options.port }),
    dataDir: join(options.directory, DATA_DIRECTORY),
    roles: work.roles,
    mayClaim: (task) => gate.mayClaim(task),
    definitionForWorker: options.forWorker ?? ((task) => task.definition),
    ...(options.page && { page: { directory: options.page.directory } }),
    ...(options.upstream && { upstream: options.upstream }),
    ...(work.state && { state: work.state }),
  });
}

/** Lets tasks start; resolves when all that can run have run, and their logs and artifacts are there. */
async function follow(watch: GraphWatch, parts: RunParts, signal: AbortSignal): Promise<void> {
  const cancel = (): void => {
    watch.interrupt('canceled');
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    else watch.open();
    await untilAborted(watch.over, parts.failure);
    await parts.logs.followed();
    await parts.artifacts.collected();
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

interface Conclusion {
  readonly options: RunOptions;
  readonly work: Work;
  readonly taskcluster: LocalTaskcluster;
  readonly watch: GraphWatch;
  readonly parts: RunParts;
  readonly board: TaskBoard;
}

async function conclude({ options, work, taskcluster, watch, parts, board }: Conclusion): Promise<GraphResult> {
  // The log of a canceled run is complete once its worker has ended in order.
  await parts.workers.stop(watch.interruption === undefined ? 'immediate' : 'graceful', options.abandon);
  await parts.logs.finish();
  options.abandon.throwIfAborted();
  for (const { view, standing } of board.entries()) {
    if (standing.state === 'exception' && standing.reason === 'canceled') parts.artifacts.collect(view);
  }
  await parts.artifacts.collected();
  const outcome = {
    shownName: parts.shownName,
    facts: (taskId: string) => parts.factsOf(taskId),
    interrupted: watch.interruption,
    now: new Date(),
  };
  const results = [...board.entries()].map((entry) => taskResult(entry, outcome));
  parts.endProgress();
  for (const line of [...summaryLines(results), ...parts.kept.advice(parts.shownName)]) parts.screen.news(line);
  const facts = Object.fromEntries(results.map(({ taskId }) => [taskId, parts.factsOf(taskId)]));
  await work.keep(taskcluster, facts);
  const exitCode = exitCodeFor(results, work.asked);
  const isComplete = parts.artifacts.isComplete && parts.logs.isComplete;
  return { exitCode: exitCode === SUCCESS && !isComplete ? FAILURE : exitCode, tasks: results };
}

/** Resolves when everything is printed, or nobody waits for that any more. */
async function untilClosed(screen: Screen, abandon: AbortSignal): Promise<void> {
  try {
    await untilAborted(screen.close(), abandon);
  } catch (error) {
    if (!abandon.aborted) throw error;
  }
}

/** The client with all scopes. */
export function queueOf({ rootUrl, credentials }: LocalTaskcluster): InstanceType<typeof clients.Queue> {
  return new clients.Queue({ rootUrl, credentials, retries: 0 });
}
