import type { Writable } from 'node:stream';
import type { ConfigTree } from '../../lib/config/layers.js';
import type { Logger } from '../../lib/log/logger.js';
import type { Feature } from '../../lib/task/feature.js';
import type { RunPage } from '../../local-run/run-page.js';
import type { LocalTaskclusterOptions } from '../../local-taskcluster/server.js';
import type { JsonObject, RenderedGraph } from '../model.js';
import type { ContainerHost } from './container-host.js';
import type { LocalRole } from './local-roles.js';
import type { Selection } from './selection.js';
import type { TaskResult } from './task-result.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** How to run tasks, whichever they are. */
export interface RunOptions {
  /** The most tasks at once, over all task queues. */
  readonly concurrency: number;
  /** `fail-fast`: the first failure cancels everything else. */
  readonly mode: 'keep-going' | 'fail-fast';
  /** Standard output: gets the logs of tasks. */
  readonly output: Writable;
  /** Standard error: gets news, and the table at the end. */
  readonly progress: Writable;
  /** Whether `output` is a terminal. */
  readonly isTerminal: boolean;
  /** The width of the terminal that `progress` is, in columns, at the moment, 0 if it does not tell; undefined: it is none. */
  readonly columns?: (() => number) | undefined;
  /** The directory of this run, which must exist: gets `logs/<task>.log`, and what a rerun needs. */
  readonly directory: string;
  /** Gets the artifacts of each task in a directory of its own; undefined: they are not saved. */
  readonly artifactsDirectory?: string | undefined;
  /** Keeps caches for later runs, in a directory for each task queue; undefined: they end with the run. */
  readonly cacheDirectory?: string | undefined;
  /** Whether the containers of failed tasks are kept. */
  readonly keepContainers?: boolean;
  /** Where the local Taskcluster listens; default: where the containers of tasks reach it, if there is such an address. */
  readonly host?: ContainerHost | undefined;
  /** The port of the local Taskcluster; default: any free one. */
  readonly port?: number | undefined;
  /** The page of the local Taskcluster; undefined: there is none. */
  readonly page?: RunPage | undefined;
  /** The deployment that is asked for what is not here; undefined: none is. */
  readonly upstream?: LocalTaskclusterOptions['upstream'];
  /** The environment of this process: where the engine is, and NO_COLOR. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For the local secrets service, by name. Their texts are masked in everything that is shown or logged. */
  readonly secrets: Readonly<Record<string, JsonObject>>;
  /** Settings of the workers, over those of this program. */
  readonly settings?: ConfigTree | undefined;
  /** Returns what the worker gets in place of a task's definition; default: the definition. */
  readonly forWorker?: (task: TaskView) => unknown;
  /** Features of the workers besides their own. */
  readonly features?: readonly Feature[];
  /** Called when the command of a task has started. */
  readonly onTaskRunning?: (task: StartedTask) => void;
  /** The workers' own log. */
  readonly log: Logger;
  readonly version: string;
  /** When aborted, all tasks are canceled; the run ends once their logs are complete and nothing is left. */
  readonly signal: AbortSignal;
  /** When aborted, everything is removed within seconds, and the signal's reason is thrown. */
  readonly abandon: AbortSignal;
  /** Called when something could not be cleaned up; the error says what. The run does not fail because of it. */
  readonly onLeft: (error: unknown) => void;
}

/** A task whose container runs. */
export interface StartedTask {
  readonly taskId: string;
  readonly runId: number;
  readonly containerId: string;
  /** Its own name, as its author has written it. */
  readonly name: string;
  /** Keeps logs and news back until the returned function is called: the terminal is someone else's meanwhile. */
  readonly pauseOutput: () => Promise<() => void>;
}

/** A graph, and how to run it. */
export interface GraphRunOptions extends RunOptions {
  readonly graph: RenderedGraph;
  /** The roles that tasks have here. */
  readonly roles: readonly LocalRole[];
  readonly selection: Selection;
}

export interface GraphResult {
  /** 0, 1, 3 for no tasks, or the exit code of the only task that was asked for. */
  readonly exitCode: number;
  /** In the order in which the tasks were created; with those that tasks have created. */
  readonly tasks: readonly TaskResult[];
}
