import { ContainerGoneError, isUnusableImage } from '../../docker/engine.js';
import type { CreatedContainer, DockerEngine, RunningContainer, StoppedContainer } from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import { TaskError, TaskStopped, stopOf } from '../../outcome/errors.js';
import { untilAborted, withTimeout } from '../../util/abortable.js';
import { authorMessage } from '../../util/author-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { NO_EXIT_CODE } from '../exit-verdict.js';
import { explain } from '../explain.js';
import { watchUsage } from '../watch-usage.js';
import type { AttachedFeature } from './admit.js';
import type { CompiledRun } from './container-spec.js';
import { stateError } from './prepare.js';
import { RefusedStart, refusedStart } from './refused-start.js';

export interface ExecuteServices {
  readonly engine: DockerEngine;
}

/** How a container came to its end. */
interface Execution {
  readonly container: StoppedContainer;
  /** Why it ended if not by itself, or why it could not be started. */
  readonly cause: 'exit' | 'max-run-time' | 'log-full' | TaskStopped | TaskError;
}

/** A run whose container has ended, or was refused by the engine. */
export interface ExecutedRun extends CompiledRun, Execution {}

const KILLED_END_TIMEOUT_MS = 120_000;
// What the container wrote last may still be on its way through the engine, or wait for a slow disk.
const DRAIN_TIMEOUT_MS = 300_000;

class MaxRunTimeOver extends Error {}
class LogFull extends Error {}

/**
 * Phase 4: creates, attaches, starts and waits. maxRunTime cuts only this. However the container came to its end it is
 * returned stopped, with all its output written, also when the engine refused to make or to start it. Throws the run's
 * stop, but for a shutdown, after which what there is can be collected; and the errors of an engine that is in trouble or
 * lost.
 */
export async function execute(run: CompiledRun, { engine }: ExecuteServices): Promise<ExecutedRun> {
  await run.session.enter('execute');
  try {
    const execution = await createAndRun(run, engine);
    const { cause } = execution;
    if (cause instanceof TaskStopped && cause.reason !== 'worker-shutdown') throw cause;
    return { ...run, ...execution };
  } catch (error) {
    // Of an engine in trouble, whose words are no refusal.
    if (isUnusableImage(error)) run.image.markUnusable();
    throw error;
  }
}

async function createAndRun(run: CompiledRun, engine: DockerEngine): Promise<Execution> {
  const { session, context, spec } = run;
  let id = '';
  try {
    const created = await engine.createContainer(spec).catch(refusedStart);
    id = created.id;
    session.resources.defer('container', () => removeContainer(id, engine, context.log));
    await session.enter('execute', { containerId: id });
    return await startAndWait(run, created);
  } catch (error) {
    // Of a run that was stopped meanwhile nothing is collected.
    if (!(error instanceof RefusedStart) || session.signal.aborted) throw error;
    if (id === '') tellRefusal(run, error);
    return { container: neverRun(id), cause: error.reason };
  }
}

async function startAndWait(run: CompiledRun, created: CreatedContainer): Promise<Execution> {
  const { context, session, taskLog, task } = run;
  session.signal.throwIfAborted();
  const requests = new LinkedAbort();
  const limit = new LinkedAbort(session.signal);
  const whenLogFull = (): void => {
    limit.abort(new LogFull());
  };
  run.logFull.addEventListener('abort', whenLogFull, { once: true });
  let hasBegun = false;
  try {
    const { drained } = await created.attach(taskLog.sink(), requests.signal);
    session.signal.throwIfAborted();
    // Written before the start, so that it comes before the first output.
    context.output.line('=== Task Starting ===');
    hasBegun = true;
    const running = await created.start().catch(refusedStart);
    context.log.info('task run', { containerId: running.id });
    limit.abortAfter(task.payload.maxRunTime * 1000, () => new MaxRunTimeOver());
    const ended = running.wait(requests.signal);
    const stopClock = context.measures.start('command');
    const execution = await untilEnd(run, running, { ended, limit: limit.signal }).catch(async (error: unknown) => {
      // What it printed until then is on its way; an engine that is gone has no more of it.
      if (error instanceof ContainerGoneError) await drain(drained, run);
      throw error;
    });
    await drain(drained, run);
    stopClock();
    if (execution.container.oomKilled === undefined) {
      context.log.warn('container not looked at', { containerId: created.id });
    }
    return execution;
  } catch (error) {
    if (error instanceof RefusedStart) tellRefusal(run, error);
    throw error;
  } finally {
    // Whatever came of it: readers of logs take what is between the two for a step.
    if (hasBegun) context.output.line('=== Task Finished ===');
    run.logFull.removeEventListener('abort', whenLogFull);
    // A hook that still waits for something in the container is told that it is gone.
    limit.abort(new Error('the container has ended'));
    requests.abort(new Error('the container is not needed any more'));
  }
}

/** Before the last line of this phase: why there is no container that runs. */
function tellRefusal({ image, context }: CompiledRun, { reason }: RefusedStart): void {
  if (isUnusableImage(reason)) image.markUnusable();
  explain(context, reason);
}

interface Waiting {
  readonly ended: Promise<StoppedContainer>;
  readonly limit: AbortSignal;
}

async function untilEnd(run: CompiledRun, running: RunningContainer, { ended, limit }: Waiting): Promise<Execution> {
  void watchUsage(running, run.context, limit);
  // A hook that fails ends the run; one that succeeds leaves the end to the container.
  const hooksFailed = Promise.all(run.features.map((feature) => startFeature(feature, run, running, limit))).then(
    () => ended,
  );
  try {
    return { container: await untilAborted(Promise.race([ended, hooksFailed]), limit), cause: 'exit' };
  } catch (error) {
    // A lost engine or a failed hook: the container's removal, registered already, kills it too.
    if (!limit.aborted) throw error;
    const cause = causeOf(limit);
    if (cause === 'max-run-time') {
      const { maxRunTime } = run.task.payload;
      run.context.output.error(`Task timeout after ${maxRunTime} seconds. Force killing container.`);
      run.context.log.info('task max runtime timeout', { maxRunTimeSeconds: maxRunTime });
    }
    return { container: await kill(running, ended), cause };
  }
}

async function startFeature(
  { name, hooks }: AttachedFeature,
  { session, context }: CompiledRun,
  container: RunningContainer,
  limit: AbortSignal,
): Promise<void> {
  try {
    await hooks.started?.(container, session.resources, limit);
  } catch (error) {
    if (limit.aborted) throw error;
    // What the author has to mend is nothing that an operator must look at.
    if (!(error instanceof TaskError)) context.log.error('feature failed to start', { feature: name, error });
    throw stateError('started', name, error);
  }
}

function causeOf(limit: AbortSignal): Execution['cause'] {
  if (limit.reason instanceof MaxRunTimeOver) return 'max-run-time';
  if (limit.reason instanceof LogFull) return 'log-full';
  return stopOf(limit) ?? new TaskStopped('worker-shutdown');
}

async function kill(running: RunningContainer, ended: Promise<StoppedContainer>): Promise<StoppedContainer> {
  await running.kill();
  return await withTimeout('the end of the killed container', KILLED_END_TIMEOUT_MS, () => ended);
}

async function drain(drained: Promise<void>, { context }: CompiledRun): Promise<void> {
  try {
    await withTimeout('reading the rest of the output', DRAIN_TIMEOUT_MS, () => drained);
  } catch (error) {
    context.log.error('container output lost', { error });
    context.output.line(`The last of the container's output may be missing: ${authorMessage(error)}`);
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

async function removeContainer(id: string, engine: DockerEngine, log: Logger): Promise<void> {
  await engine.removeContainer(id);
  log.info('container removed', { containerId: id });
}
