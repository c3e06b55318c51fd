import { ContainerGoneError, isUnusableImage } from '../../docker/engine.js';
import type { CreatedContainer, OutputConsumer, RunningContainer, StoppedContainer } from '../../docker/engine.js';
import { KeeperError, endKeeper } from '../../docker/output-keeper.js';
import { TaskError, TaskStopped, stopOf } from '../../outcome/errors.js';
import { isEngineLoss } from '../../outcome/resolution-of.js';
import { TASK_FINISHED, TASK_STARTING, lostOutputNotice, missingOutputNotice } from '../../task-log/lines.js';
import { untilAborted, withTimeout } from '../../util/abortable.js';
import { authorMessage } from '../../util/author-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import { NO_EXIT_CODE } from '../exit-verdict.js';
import { explain } from '../explain.js';
import type { ResumeFacts } from '../run-record.js';
import { watchUsage } from '../watch-usage.js';
import { adopt, adoptAfterLoss, findStarted, outputFile, stopperOf } from './adopt-container.js';
import type { AdoptServices, Started } from './adopt-container.js';
import type { AttachedFeature } from './admit.js';
import type { CompiledRun } from './container-spec.js';
import { stateError } from './prepare.js';
import { RefusedStart, refusedStart } from './refused-start.js';

export type ExecuteServices = AdoptServices;

/** How a container ended. */
interface Execution {
  readonly container: StoppedContainer;
  /** Why it ended if it did not exit by itself, or why it could not be started. */
  readonly cause: 'exit' | 'max-run-time' | 'log-full' | TaskStopped | TaskError;
}

/** A run whose container has ended or was refused by the engine. */
export interface ExecutedRun extends CompiledRun, Execution {}

const KILLED_END_TIMEOUT_MS = 120_000;
// The container's last output may still be in the engine, or waiting for a slow disk.
const DRAIN_TIMEOUT_MS = 300_000;
// All of its output is read again, from the first byte.
const DRAIN_ADOPTED_TIMEOUT_MS = 3_600_000;

class MaxRunTimeOver extends Error {}
class LogFull extends Error {}

/**
 * Phase 4: creates, attaches, starts and waits; or continues with the container that a previous worker started.
 * maxRunTime limits only this phase. However the container ended, it is returned stopped, with all its output written,
 * even when the engine refused to create or start it. Throws the run's stop, except a shutdown, after which results can
 * still be collected; and the errors of an engine that is failing or lost.
 */
export async function execute(run: CompiledRun, services: ExecuteServices, facts: ResumeFacts): Promise<ExecutedRun> {
  await run.session.enter('execute');
  try {
    const execution =
      facts.containerId === undefined
        ? await createAndRun(run, services)
        : await adoptAndWait(run, services, { ...facts, containerId: facts.containerId });
    const { cause } = execution;
    if (cause instanceof TaskStopped && cause.reason !== 'worker-shutdown') throw cause;
    return { ...run, ...execution };
  } catch (error) {
    // The error of a failing engine, which is not a refusal.
    if (isUnusableImage(error)) run.image.markUnusable();
    throw error;
  }
}

async function createAndRun(run: CompiledRun, services: ExecuteServices): Promise<Execution> {
  const { session, spec } = run;
  const { engine } = services;
  let id = '';
  try {
    // A resumed run may have been given to another worker meanwhile.
    await session.claimIsHeld();
    const created = await engine.createContainer(spec).catch(refusedStart);
    id = created.id;
    session.holdContainer(id, () => engine.removeContainer(id));
    return await startAndWait(run, services, created);
  } catch (error) {
    // Nothing is collected from a run that was stopped meanwhile.
    if (!(error instanceof RefusedStart) || session.signal.aborted) throw error;
    if (id === '') tellRefusal(run, error);
    return { container: neverRun(id), cause: error.reason };
  }
}

async function startAndWait(
  run: CompiledRun,
  services: ExecuteServices,
  created: CreatedContainer,
): Promise<Execution> {
  const { context, session, taskLog } = run;
  session.signal.throwIfAborted();
  return await supervised(run, services, async (requests) => {
    const reading = new LinkedAbort(requests);
    const { drained, keeper } = await attach(run, services, created, reading.signal);
    await session.enter('execute', { containerId: created.id, keeper });
    session.signal.throwIfAborted();
    // Written before the start, so that it precedes the first output.
    context.output.line(TASK_STARTING);
    taskLog.beginOutput();
    const running = await created.start().catch(refusedStart);
    context.log.info('task run', { containerId: running.id });
    return { running, drained, keeper, ranMs: 0, hasEnded: false, stopReading: stopperOf(reading, { drained }) };
  });
}

/** Copies the output to the log; without a log driver a process that outlives the worker keeps it. */
async function attach(
  { context, session, taskLog, spec }: CompiledRun,
  { settings }: ExecuteServices,
  created: CreatedContainer,
  signal: AbortSignal,
): Promise<Pick<Started, 'drained' | 'keeper'>> {
  const copy: OutputConsumer = (source) => taskLog.copy(source);
  if (spec.logDriver.type === 'none') {
    try {
      const { drained, keeper } = await created.attach(
        copy,
        signal,
        outputFile(context.directory, created.id, settings),
      );
      if (keeper) session.resources.defer('output keeper', () => endKeeper(keeper));
      return { drained, keeper };
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      // The run ends with its worker then.
      context.log.warn('container output not kept', { error });
    }
  }
  return { ...(await created.attach(copy, signal)), keeper: undefined };
}

/** Goes on with a container that a previous worker started, or whose end it had seen. */
async function adoptAndWait(
  run: CompiledRun,
  services: ExecuteServices,
  { containerId, keeper, ended }: ResumeFacts & { readonly containerId: string },
): Promise<Execution> {
  const { session } = run;
  session.holdContainer(containerId, () => services.engine.removeContainer(containerId));
  await session.enter('execute', { containerId });
  const found = await findStarted(run, services, containerId);
  if (ended) {
    await endOutputOnce(run);
    return { container: found.ended(ended.exitCode, ended.oomKilled), cause: ended.cause };
  }
  const execution = await supervised(run, services, (requests) => adopt(run, found, services, { keeper, requests }));
  await endOutputOnce(run);
  return execution;
}

/** Starts or adopts the container, and waits for its end within all limits. */
async function supervised(
  run: CompiledRun,
  services: ExecuteServices,
  start: (requests: AbortSignal) => Promise<Started>,
): Promise<Execution> {
  const { context, session, task } = run;
  const requests = new LinkedAbort();
  const limit = new LinkedAbort(session.signal);
  const whenLogFull = (): void => {
    limit.abort(new LogFull());
  };
  run.logFull.addEventListener('abort', whenLogFull, { once: true });
  try {
    const started = await start(requests.signal);
    const leftMs = task.payload.maxRunTime * 1000 - started.ranMs;
    // The limit of a container that has ended is judged by when it ended.
    if (!started.hasEnded) limit.abortAfter(Math.max(0, leftMs), () => new MaxRunTimeOver());
    const stopClock = context.measures.start('command', started.ranMs);
    const execution = await untilEnd(run, services, started, { requests: requests.signal, limit: limit.signal });
    stopClock();
    if (started.hasEnded && leftMs < 0) return { ...execution, cause: timedOut(run) };
    if (execution.container.oomKilled === undefined) {
      context.log.warn('container not inspected', { containerId: started.running.id });
    }
    return execution;
  } catch (error) {
    if (error instanceof RefusedStart) tellRefusal(run, error);
    throw error;
  } finally {
    // Written whatever happened: log readers take what is between the two lines for one step.
    endOutput(run);
    run.logFull.removeEventListener('abort', whenLogFull);
    // Tells a hook that is still waiting for something in the container that the container has ended.
    limit.abort(new Error('the container has ended'));
    requests.abort(new Error('the container is no longer needed'));
  }
}

/** The previous worker may have ended the output without its last line. */
async function endOutputOnce(run: CompiledRun): Promise<void> {
  endOutput(run);
  if (!(await run.taskLog.isAfterOutput(TASK_FINISHED))) run.taskLog.line(TASK_FINISHED);
}

function endOutput({ taskLog }: CompiledRun): void {
  if (!taskLog.isInOutput) return;
  taskLog.endOutput();
  taskLog.line(TASK_FINISHED);
}

/** Logs, before the last line of this phase, why no container runs. */
function tellRefusal({ image, context }: CompiledRun, { reason }: RefusedStart): void {
  if (isUnusableImage(reason)) image.markUnusable();
  explain(context, reason);
}

interface Signals {
  /** Ends the requests to the engine. */
  readonly requests: AbortSignal;
  readonly limit: AbortSignal;
}

/** Waits for the end; a lost engine that comes back with the container running costs nothing. */
async function untilEnd(
  run: CompiledRun,
  services: ExecuteServices,
  started: Started,
  { requests, limit }: Signals,
): Promise<Execution> {
  const features = started.hasEnded ? [] : run.features;
  const hooks = Promise.all(features.map((feature) => startFeature(feature, run, started.running, limit)));
  // It may fail while nobody waits for it.
  hooks.catch(() => undefined);
  let current = started;
  let isFirst = true;
  for (;;) {
    if (!current.hasEnded) void watchUsage(current.running, run.context, limit);
    const ended = current.running.wait(requests);
    // After successful hooks the container decides when to end. A failed one ends the run once.
    const hooksFailed = isFirst ? hooks.then(() => ended) : ended;
    const over = Promise.race([ended, hooksFailed, ...(current.outputLost ? [current.outputLost] : [])]);
    try {
      const execution = await endOrLimit(run, current.running, { ended, over, limit });
      await drain(current, run);
      // What was printed last may have filled the log.
      return execution.cause === 'exit' && run.logFull.aborted ? { ...execution, cause: 'log-full' } : execution;
    } catch (error) {
      // Output printed until then is still on its way; an engine that is gone has no more of it.
      if (error instanceof ContainerGoneError) await drain(current, run);
      if (!isEngineLoss(error) || limit.aborted) throw error;
      await current.stopReading();
      isFirst = false;
      current = await adoptAfterLoss(run, services, {
        id: current.running.id,
        keeper: current.keeper,
        error,
        requests,
      });
    }
  }
}

interface Ends {
  /** The container's end. */
  readonly ended: Promise<StoppedContainer>;
  /** The same, or the first failure. */
  readonly over: Promise<StoppedContainer>;
  readonly limit: AbortSignal;
}

async function endOrLimit(
  run: CompiledRun,
  running: RunningContainer,
  { ended, over, limit }: Ends,
): Promise<Execution> {
  try {
    return { container: await untilAborted(over, limit), cause: 'exit' };
  } catch (error) {
    // A lost engine or a failed hook: the container's removal, already registered, kills it too.
    if (!limit.aborted) throw error;
    const cause = causeOf(limit);
    if (cause === 'max-run-time') timedOut(run);
    return { container: await kill(running, ended), cause };
  }
}

/** Tells author and operator. */
function timedOut({ task, context }: CompiledRun): 'max-run-time' {
  const { maxRunTime } = task.payload;
  context.output.error(`Task timeout after ${maxRunTime} seconds. Force killing container.`);
  context.log.info('task max runtime timeout', { maxRunTimeSeconds: maxRunTime });
  return 'max-run-time';
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
    // An operator need not look at what the author has to fix.
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

async function drain({ drained, outputLost }: Started, { context }: CompiledRun): Promise<void> {
  const isAdopted = outputLost !== undefined;
  try {
    const limitMs = isAdopted ? DRAIN_ADOPTED_TIMEOUT_MS : DRAIN_TIMEOUT_MS;
    await withTimeout('reading the rest of the output', limitMs, () => drained);
  } catch (error) {
    // An adopted run whose log has a gap has explained it; after the loss of the engine it is adopted again.
    if (error instanceof TaskStopped || (isAdopted && isEngineLoss(error))) throw error;
    if (isAdopted) {
      context.output.error(missingOutputNotice(authorMessage(error)));
      throw new TaskStopped('worker-shutdown', { cause: error });
    }
    context.log.error('container output lost', { error });
    context.output.line(lostOutputNotice(authorMessage(error)));
  }
}

/** Returns a container whose command never ran: it has no artifacts, even if the image has files at their paths. */
function neverRun(id: string): StoppedContainer {
  return {
    id,
    exitCode: NO_EXIT_CODE,
    oomKilled: false,
    getArchive: () => Promise.resolve(undefined),
    linkTarget: () => Promise.resolve(undefined),
  };
}
