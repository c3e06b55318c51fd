import { ContainerGoneError, DockerError } from '../../docker/engine.js';
import type { DockerFault } from '../../docker/engine-words.js';
import type {
  ContainerSpec,
  CreatedContainer,
  DockerEngine,
  OutputConsumer,
  RunningContainer,
  StoppedContainer,
} from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import { untilAborted, withTimeout } from '../../util/abortable.js';
import { authorMessage } from '../../util/author-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { withoutHostPaths } from '../../util/without-host-paths.js';
import { TaskError, TaskStopped, stopOf } from '../../outcome/errors.js';
import { NO_EXIT_CODE } from '../exit-verdict.js';
import type { TaskOutput } from '../../outcome/task-output.js';
import { TASK_FINISHED, TASK_STARTING, lostOutputNotice } from '../../task-log/lines.js';

export interface ExecuteOptions {
  readonly engine: DockerEngine;
  readonly output: TaskOutput;
  readonly log: Logger;
  /** Reads what the container prints. */
  readonly copyOutput: OutputConsumer;
  readonly maxRunTimeSeconds: number;
  /** Aborts when the log takes no more output: the container is killed. */
  readonly logFull: AbortSignal;
  /** The container's removal is registered here as soon as it exists. */
  readonly resources: ResourceStack;
  readonly onCreated: (containerId: string) => Promise<void>;
  /** Hears, before the last line of this phase, why there is no container that runs. */
  readonly onRefused: (error: TaskError) => void;
  readonly started: (container: RunningContainer, signal: AbortSignal) => Promise<void>;
}

/** A container that has run, and why it ended if not by itself; or why it could not be started. */
export interface Executed {
  readonly container: StoppedContainer;
  readonly cause: 'exit' | 'max-run-time' | 'log-full' | TaskStopped | TaskError;
}

const KILLED_END_TIMEOUT_MS = 120_000;
// What the container wrote last may still be on its way through the engine, or wait for a slow disk.
const DRAIN_TIMEOUT_MS = 300_000;

class MaxRunTimeOver extends Error {}
class LogFull extends Error {}

/**
 * Creates, attaches, starts and waits. maxRunTime cuts only this. However the container came to its end it is returned
 * stopped, with all its output written, also when the engine refused to make or to start it; errors are those of an
 * engine that is in trouble or lost.
 */
export async function execute(spec: ContainerSpec, options: ExecuteOptions, signal: AbortSignal): Promise<Executed> {
  const { engine, log, resources } = options;
  let id = '';
  try {
    const created = await engine.createContainer(spec).catch(cannotStart);
    id = created.id;
    resources.defer('container', () => removeContainer(id, engine, log));
    await options.onCreated(id);
    return await run(created, options, signal);
  } catch (error) {
    // Of a run that was stopped meanwhile nothing is collected.
    if (!(error instanceof Refused) || signal.aborted) throw error;
    if (id === '') options.onRefused(error.reason);
    return { container: neverRun(id), cause: error.reason };
  }
}

async function run(created: CreatedContainer, options: ExecuteOptions, signal: AbortSignal): Promise<Executed> {
  const { output, log, copyOutput, maxRunTimeSeconds } = options;
  signal.throwIfAborted();
  const requests = new LinkedAbort();
  const limit = new LinkedAbort(signal);
  const whenLogFull = (): void => {
    limit.abort(new LogFull());
  };
  options.logFull.addEventListener('abort', whenLogFull, { once: true });
  let hasBegun = false;
  try {
    const { drained } = await created.attach(copyOutput, requests.signal);
    signal.throwIfAborted();
    // Written before the start, so that it comes before the first output.
    output.line(TASK_STARTING);
    hasBegun = true;
    const running = await created.start().catch(cannotStart);
    log.info('task run', { containerId: running.id });
    limit.abortAfter(maxRunTimeSeconds * 1000, () => new MaxRunTimeOver());
    const ended = running.wait(requests.signal);
    const startedHooks = options.started(running, limit.signal);
    const executed = await untilEnd(running, ended, startedHooks, limit.signal, options).catch(
      async (error: unknown) => {
        // What it printed until then is on its way; an engine that is gone has no more of it.
        if (error instanceof ContainerGoneError) await drain(drained, options);
        throw error;
      },
    );
    await drain(drained, options);
    if (executed.container.oomKilled === undefined) log.warn('container not looked at', { containerId: created.id });
    return executed;
  } catch (error) {
    if (error instanceof Refused) options.onRefused(error.reason);
    throw error;
  } finally {
    if (hasBegun) output.line(TASK_FINISHED);
    options.logFull.removeEventListener('abort', whenLogFull);
    // A hook that still waits for something in the container is told that it is gone.
    limit.abort(new Error('the container has ended'));
    requests.abort(new Error('the container is not needed any more'));
  }
}

async function untilEnd(
  running: RunningContainer,
  ended: Promise<StoppedContainer>,
  startedHooks: Promise<void>,
  limit: AbortSignal,
  options: ExecuteOptions,
): Promise<Executed> {
  // A hook that fails ends the run; one that succeeds leaves the end to the container.
  const hooksFailed = startedHooks.then(() => ended);
  try {
    return { container: await untilAborted(Promise.race([ended, hooksFailed]), limit), cause: 'exit' };
  } catch (error) {
    // A lost engine or a failed hook: the container's removal, registered already, kills it too.
    if (!limit.aborted) throw error;
    const cause = causeOf(limit);
    if (cause === 'max-run-time') {
      options.output.error(`Task timeout after ${options.maxRunTimeSeconds} seconds. Force killing container.`);
      options.log.info('task max runtime timeout', { maxRunTimeSeconds: options.maxRunTimeSeconds });
    }
    return { container: await kill(running, ended), cause };
  }
}

function causeOf(limit: AbortSignal): Executed['cause'] {
  if (limit.reason instanceof MaxRunTimeOver) return 'max-run-time';
  if (limit.reason instanceof LogFull) return 'log-full';
  return stopOf(limit) ?? new TaskStopped('worker-shutdown');
}

async function kill(running: RunningContainer, ended: Promise<StoppedContainer>): Promise<StoppedContainer> {
  await running.kill();
  return await withTimeout('the end of the killed container', KILLED_END_TIMEOUT_MS, () => ended);
}

async function drain(drained: Promise<void>, { output, log }: ExecuteOptions): Promise<void> {
  try {
    await withTimeout('reading the rest of the output', DRAIN_TIMEOUT_MS, () => drained);
  } catch (error) {
    log.error('container output lost', { error });
    output.line(lostOutputNotice(authorMessage(error)));
  }
}

/** The engine does not make, or start, this container, and never will. */
class Refused extends Error {
  readonly reason: TaskError;

  constructor(reason: TaskError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}

/** Its command has made nothing: what it was to leave is missing, and no file of the image may pass for it. */
function neverRun(id: string): StoppedContainer {
  return {
    id,
    exitCode: NO_EXIT_CODE,
    oomKilled: false,
    getArchive: () => Promise.resolve(undefined),
    linkTarget: () => Promise.resolve(undefined),
  };
}

const CHECK_COMMAND = 'Check payload.command, and the entrypoint and command of payload.image.';
const START_ADVICE: Readonly<Partial<Record<DockerFault, string>>> = {
  mount:
    'Check the paths in payload.cache, and of other things the task has mounted: the image must not have a file where a directory is mounted, and nothing can be mounted below /proc and /sys.',
  'unusable-image': 'Check payload.image: its layers are damaged, or not those of its configuration.',
  user: 'Check the USER of payload.image: the image has to know it in its /etc/passwd or /etc/group.',
  'working-directory':
    'Check the WORKDIR of payload.image: it has to be a directory in the image, or a path at which one can be made.',
};

/** What the engine refuses is the payload's mistake; an engine in trouble, or one that does not answer, is the worker's. */
function cannotStart(error: unknown): never {
  if (!(error instanceof DockerError) || error.retryable) throw error;
  const advice = START_ADVICE[error.fault ?? 'command'] ?? CHECK_COMMAND;
  throw new Refused(
    TaskError.failed(
      `Failure to properly start execution environment.\n${withoutHostPaths(error.message)}\n${advice}`,
      error,
    ),
  );
}

async function removeContainer(id: string, engine: DockerEngine, log: Logger): Promise<void> {
  await engine.removeContainer(id);
  log.info('container removed', { containerId: id });
}
