import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { clients } from 'taskcluster-client';
import type { RunStatus } from 'taskcluster-client';
import slugid from 'slugid';
import type { ConfigTree } from '../lib/config/layers.js';
import type { Logger } from '../lib/log/logger.js';
import { exitCodeOf } from '../lib/task-log/lines.js';
import { logSettings } from '../lib/task-log/publisher.js';
import { untilAborted } from '../lib/util/abortable.js';
import { LocalTaskcluster } from '../local-taskcluster/server.js';
import { assumedRoles } from './assumed-roles.js';
import { LocalWorker } from './local-worker.js';
import { TASKS_RUN, keepPage, showPage } from './run-page.js';
import type { RunPage } from './run-page.js';
import type { TaskQueueName } from './task-definition.js';
import { TaskWatcher } from './task-watcher.js';

export interface RunLocallyOptions {
  /** The body of createTask, for this pool. */
  readonly definition: Readonly<Record<string, unknown>>;
  readonly taskQueue: TaskQueueName;
  /** Receives the task's log while it runs. */
  readonly output: Writable;
  readonly log: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings?: ConfigTree;
  readonly version: string;
  /** When aborted, the task is canceled, and the run ends once its container is removed. */
  readonly signal: AbortSignal;
  /**
   * When aborted, waiting ends: container and folders are removed within seconds, and the signal's reason is thrown.
   */
  readonly abandon: AbortSignal;
  /** Called when something could not be cleaned up; the error says what. The run does not fail because of it. */
  readonly onLeft: (error: unknown) => void;
  /** Called when the run is over, while the queue and its artifacts still exist. */
  readonly inspect: (outcome: LocalOutcome) => Promise<void>;
  /** The page of the run; undefined: there is none. */
  readonly page?: RunPage | undefined;
  /** Tells the user something beside the log. */
  readonly tell: (line: string) => void;
}

export interface LocalOutcome {
  readonly run: RunStatus;
  readonly watcher: TaskWatcher;
  /** The exit code of the task's command; undefined when the command did not finish. */
  readonly exitCode: number | undefined;
}

const CANCEL_POLL_INTERVAL_MS = 250;
/** The prefix of a directory that holds all files of one run, and no others. */
const RUN_PREFIX = 'run-task-';

/**
 * Runs one task on this machine, as a worker of a deployment would, with an embedded Taskcluster, a worker that claims
 * from it, and a container. Everything is cleaned up when it returns, except what was reported to `onLeft`.
 */
export async function runLocally(options: RunLocallyOptions): Promise<LocalOutcome> {
  const directory = await mkdtemp(join(tmpdir(), RUN_PREFIX));
  try {
    return await runIn(directory, options);
  } finally {
    await cleanUp(() => rm(directory, { recursive: true, force: true }), options);
  }
}

async function runIn(directory: string, options: RunLocallyOptions): Promise<LocalOutcome> {
  const { taskQueue, definition, log, env, version, abandon, inspect, page, tell } = options;
  const dataDir = join(directory, 'taskcluster');
  const taskcluster = await LocalTaskcluster.start({ dataDir, ...(page && { page: { directory: page.directory } }) });
  try {
    const { rootUrl, credentials } = taskcluster;
    grantRoles(taskcluster, options);
    const queue = new clients.Queue({ rootUrl, credentials });
    const taskId = slugid.nice();
    await queue.createTask(taskId, definition);
    showPage(page, taskcluster, { path: `/tasks/${taskId}`, tell });
    // The queue is in this process: frequent polling costs nothing, and Ctrl-C ends the task at once.
    const task = { cancelPollInterval: CANCEL_POLL_INTERVAL_MS };
    // The user is waiting: an image that can't be fetched is reported at once, and not after minutes of retries.
    const dockerConfig = { maxAttempts: 1 };
    const settings = { task, dockerConfig, ...options.settings, ...taskQueue, capacity: 1 };
    const worker = await LocalWorker.start({
      parent: directory,
      rootUrl,
      credentials,
      settings,
      env,
      log,
      version,
      metricsOutput: { write: () => undefined },
    });
    const cancel = (): void => {
      queue.cancelTask(taskId).catch((error: unknown) => {
        log.error('cancel failed', { error });
      });
    };
    options.signal.addEventListener('abort', cancel, { once: true });
    if (options.signal.aborted) cancel();
    let outcome: LocalOutcome | undefined;
    let isCanceled = false;
    try {
      outcome = await untilAborted(watch(new TaskWatcher(rootUrl, credentials, taskId), options), abandon);
      options.signal.removeEventListener('abort', cancel);
      isCanceled = outcome.run.reasonResolved === 'canceled';
      if (!isCanceled) {
        await untilAborted(inspect(outcome), abandon);
        await untilAborted(keepPage(page, tell, TASKS_RUN), abandon);
      }
    } finally {
      options.signal.removeEventListener('abort', cancel);
      // The log of a canceled run is published later than that: it is complete once the worker has shut down
      // gracefully.
      await cleanUp(() => worker.stop(isCanceled ? 'graceful' : 'immediate', abandon), options);
    }
    if (isCanceled) await untilAborted(inspect(outcome), abandon);
    return outcome;
  } finally {
    await cleanUp(() => taskcluster.close(), options);
  }
}

/** Cleans up; a failure there does not change how the task ended. */
async function cleanUp(action: () => Promise<void>, { onLeft }: RunLocallyOptions): Promise<void> {
  try {
    await action();
  } catch (error) {
    onLeft(error);
  }
}

/** Grants the task's roles every scope that it needs: what they grant in its deployment is unknown here. */
function grantRoles(taskcluster: LocalTaskcluster, { definition, output }: RunLocallyOptions): void {
  const roles = assumedRoles(definition['scopes']);
  if (roles.length === 0) return;
  for (const role of roles) taskcluster.addRole(role, ['*']);
  output.write(
    `Roles in task.scopes can't be looked up here, so this run grants the task every scope that it needs.\n`,
  );
}

async function watch(watcher: TaskWatcher, { definition, output }: RunLocallyOptions): Promise<LocalOutcome> {
  const footer = new FooterReader(output);
  const { name } = logSettings(definition['payload']);
  const [run] = await Promise.all([watcher.resolved(), watcher.followLog(footer, name)]);
  return { run, watcher, exitCode: footer.exitCode };
}

const FOOTER_BYTES = 1024;

/** Passes a log on and keeps the exit code from its last line. */
class FooterReader extends Writable {
  readonly #output: Writable;
  #tail = '';

  constructor(output: Writable) {
    super({ decodeStrings: true });
    this.#output = output;
  }

  get exitCode(): number | undefined {
    return exitCodeOf(this.#tail);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#tail = (this.#tail + chunk.toString('latin1')).slice(-FOOTER_BYTES);
    this.#output.write(chunk, callback);
  }
}
