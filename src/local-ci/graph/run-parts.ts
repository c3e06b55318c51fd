import { join } from 'node:path';
import { clients } from 'taskcluster-client';
import { errorMessage } from '../../lib/util/error-message.js';
import { assumedRoles } from '../../local-run/assumed-roles.js';
import { LocalWorker } from '../../local-run/local-worker.js';
import type { ContainerRun } from '../../local-run/observed-engine.js';
import { TaskWatcher } from '../../local-run/task-watcher.js';
import type { LocalTaskcluster } from '../../local-taskcluster/server.js';
import type { GraphWatchOptions } from './graph-watch.js';
import { KeptContainers } from './kept-containers.js';
import { LinePrefix } from './line-prefix.js';
import type { LocalRole } from './local-roles.js';
import { scopesNeededOn } from './needed-scopes.js';
import { printable } from './printable.js';
import { Progress } from './progress.js';
import { QueueWorkers } from './queue-workers.js';
import { RunArtifacts } from './run-artifacts.js';
import { RunLogs } from './run-logs.js';
import type { RunOptions } from './run-options.js';
import { ScopeWarnings } from './scope-warnings.js';
import { openScreen } from './screen.js';
import type { Screen } from './screen.js';
import { SecretMask } from './secret-mask.js';
import { secretTexts } from './secret-texts.js';
import { nameWithRun } from './standing-words.js';
import type { Change, Entry, TaskBoard } from './task-board.js';
import { TaskNames } from './task-names.js';
import type { RunFacts } from './task-result.js';
import type { TaskView } from '../../local-taskcluster/server.js';
import { workerSettings } from './worker-settings.js';

export interface RunPartsOptions {
  readonly options: RunOptions;
  readonly taskcluster: LocalTaskcluster;
  readonly board: TaskBoard;
  /** The parent of the workers' folders. */
  readonly temporary: string;
  readonly roles: readonly LocalRole[];
  /** What was known of the tasks of an earlier run. */
  readonly known: Readonly<Record<string, RunFacts>>;
}

const REFRESH_MS = 1000;
const YEAR_MS = 365 * 24 * 3600_000;
const MESSAGE_LENGTH = 4096;

/** Everything that a run consists of beside the local Taskcluster, and what each change of a task means for it. */
export class RunParts {
  readonly names: TaskNames;
  readonly screen: Screen;
  readonly logs: RunLogs;
  readonly artifacts: RunArtifacts;
  readonly workers: QueueWorkers;
  readonly kept: KeptContainers;
  readonly #given: RunPartsOptions;
  readonly #mask: SecretMask;
  readonly #prefix: LinePrefix;
  readonly #progress: Progress;
  readonly #warnings: ScopeWarnings;
  readonly #failure = new AbortController();

  constructor(given: RunPartsOptions) {
    const { options, board } = given;
    const { isTerminal, environment, directory, columns } = options;
    this.#given = given;
    this.#mask = new SecretMask(secretTexts(options.secrets));
    this.names = new TaskNames(this.#mask.text);
    this.#prefix = new LinePrefix({ isTerminal, isColoured: isTerminal && !environment['NO_COLOR'] });
    const live = columns && {
      sharesTerminal: isTerminal,
      columns,
      rows: () => this.#progress.rows(),
      refreshMs: REFRESH_MS,
    };
    this.screen = openScreen({ output: options.output, progress: options.progress, live });
    const screen = {
      news: this.news,
      refresh: () => {
        this.screen.refresh();
      },
    };
    const [shownName, now] = [this.shownName, () => new Date()];
    this.#progress = new Progress({ screen, board, shownName, isLive: columns !== undefined, now });
    const shared = { names: this.names, mask: this.#mask, readerOf: this.#readerOf };
    this.logs = new RunLogs({ ...shared, directory: join(directory, 'logs'), show: this.#show, news: this.news });
    const { artifactsDirectory, abandon: signal } = options;
    this.artifacts = new RunArtifacts({ ...shared, directory: artifactsDirectory, news: this.news, signal });
    this.kept = new KeptContainers({ isEnabled: options.keepContainers ?? false, board });
    this.#warnings = new ScopeWarnings({ shownName, news: this.news });
    this.workers = new QueueWorkers({
      start: (taskQueueId) => this.#startWorker(taskQueueId),
      onFailed: (error) => {
        this.#failure.abort(error);
      },
      onLeft: options.onLeft,
    });
  }

  /** Aborts when the run can't go on; its reason is the error. */
  get failure(): AbortSignal {
    return this.#failure.signal;
  }

  readonly shownName = (taskId: string): string => this.names.find(taskId).shown;

  /** Prints a line of news, without secrets. */
  readonly news = (line: string): void => {
    this.screen.news(this.#mask.text(line));
  };

  /** What is done when tasks change. */
  get hooks(): Pick<GraphWatchOptions, 'onKnown' | 'onChange' | 'needWorker' | 'cancelTask'> {
    return {
      onKnown: (entry) => {
        this.#introduce(entry);
        if (isResolved(entry)) this.artifacts.collect(entry.view);
      },
      onChange: (change) => {
        this.#changed(change);
      },
      needWorker: (taskQueueId) => {
        this.workers.need(taskQueueId);
      },
      cancelTask: (taskId) => void this.#cancel(taskId),
    };
  }

  /** Puts the secrets where tasks find them. */
  async storeSecrets(): Promise<void> {
    const { options, taskcluster } = this.#given;
    const { rootUrl, credentials } = taskcluster;
    const service = new clients.Secrets({ rootUrl, credentials, retries: 0 });
    const expires = new Date(Date.now() + YEAR_MS).toISOString();
    for (const [name, secret] of Object.entries(options.secrets)) await service.set(name, { secret, expires });
  }

  factsOf(taskId: string): RunFacts {
    const known = this.#given.known[taskId] ?? {};
    return { ...known, ...this.logs.factsOf(taskId), artifacts: this.artifacts.countOf(taskId) };
  }

  /** Removes the live table: the run is over. */
  endProgress(): void {
    this.#progress.end();
  }

  #changed(change: Change): void {
    const { entry, before } = change;
    if (!before) this.#introduce(entry);
    this.#progress.changed(change);
    if (entry.standing.state === 'running') {
      this.#prefix.expect(entry.view.taskId, nameWithRun(this.shownName(entry.view.taskId), entry.standing));
      this.logs.begin(entry.view);
    }
    // A canceled run publishes its log later.
    if (isResolved(entry) && !isCanceled(entry)) this.artifacts.collect(entry.view);
  }

  /** Prepares for a task before anything is said about it, or done with it. */
  #introduce({ view, worker }: Entry): void {
    const { taskcluster, roles } = this.#given;
    const { shown } = this.names.of(view.taskId, view.definition.metadata.name);
    if (worker.kind !== 'docker-worker') return;
    this.#prefix.expect(view.taskId, shown);
    const granted = roles[0]?.scopes ?? ['*'];
    const known = new Set(roles.map(({ roleId }) => roleId));
    for (const role of assumedRoles(view.definition.scopes)) if (!known.has(role)) taskcluster.addRole(role, granted);
    this.#warn(this.#warnings.check(view));
  }

  readonly #readerOf = (taskId: string, runId: number): TaskWatcher => {
    const { rootUrl, credentials } = this.#given.taskcluster;
    return new TaskWatcher(rootUrl, credentials, taskId, runId);
  };

  readonly #show = async (task: TaskView, lines: readonly string[]): Promise<void> => {
    const { taskId } = task;
    const name = nameWithRun(this.shownName(taskId), { state: 'running', runId: task.status.runs.length - 1 });
    await this.screen.log(this.#prefix.prefixed(taskId, name, lines));
  };

  async #startWorker(taskQueueId: string): Promise<LocalWorker> {
    const { options, taskcluster, temporary } = this.#given;
    const { concurrency, cacheDirectory, settings, environment, log, version } = options;
    const { rootUrl, credentials } = taskcluster;
    const worker = await LocalWorker.start({
      parent: temporary,
      rootUrl,
      credentials,
      // One more than run: a task may wait for one that it has created.
      keepsCaches: cacheDirectory !== undefined,
      settings: workerSettings({ taskQueueId, capacity: concurrency + 1, cacheDirectory, settings }),
      env: environment,
      log,
      version,
      metricsOutput: { write: () => undefined },
      features: options.features ?? [],
      observer: {
        onStarted: (run) => {
          this.#started(run);
        },
        keeps: (run) => this.kept.keeps(run),
      },
    });
    this.#warn(this.#warnings.know(taskQueueId, scopesNeededOn(worker.config, version)));
    return worker;
  }

  /** A failure to look for warnings is a fault of this program. */
  #warn(checking: Promise<void>): void {
    checking.catch((error: unknown) => {
      this.#failure.abort(error);
    });
  }

  #started({ taskId, runId, containerId }: ContainerRun): void {
    const { options, board } = this.#given;
    const name = board.find(taskId)?.view.definition.metadata.name ?? taskId;
    options.onTaskRunning?.({ taskId, runId, containerId, name, pauseOutput: () => this.screen.pause() });
  }

  async #cancel(taskId: string): Promise<void> {
    const { rootUrl, credentials } = this.#given.taskcluster;
    try {
      await new clients.Queue({ rootUrl, credentials, retries: 0 }).cancelTask(taskId);
    } catch (error) {
      this.news(`${this.shownName(taskId)} can't be canceled: ${printable(errorMessage(error), MESSAGE_LENGTH)}`);
    }
  }
}

function isResolved({ standing }: Entry): boolean {
  return ['completed', 'failed', 'exception'].includes(standing.state);
}

function isCanceled({ standing }: Entry): boolean {
  return standing.state === 'exception' && standing.reason === 'canceled';
}
