import { join } from 'node:path';
import type { DockerEngine, FoundContainer, KeptOutput, RunningContainer } from '../../docker/engine.js';
import { endKeeper } from '../../docker/output-keeper.js';
import type { KeptFile } from '../../docker/output-keeper.js';
import type { ProcessIdentity } from '../../util/process-identity.js';
import { untilEngineAnswers } from '../../docker/until-engine-answers.js';
import { TaskStopped } from '../../outcome/errors.js';
import { isEngineLoss } from '../../outcome/resolution-of.js';
import { engineAwayNotice, missingOutputNotice } from '../../task-log/lines.js';
import { OutputMismatch } from '../../task-log/logged-output.js';
import { delay } from '../../util/abortable.js';
import { authorMessage } from '../../util/author-message.js';
import { errorMessage } from '../../util/error-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { CompiledRun } from './container-spec.js';
import { runLabels } from './container-spec.js';

export interface AdoptServices {
  readonly engine: DockerEngine;
  readonly now: () => Date;
  readonly settings: {
    /** How long a run waits for an engine that is restarted. */
    readonly engineRestartMs: number;
    readonly maxLogBytes: number | undefined;
  };
}

/** A container that was started, by this worker or a previous one. */
export interface Started {
  readonly running: RunningContainer;
  /** Settles when the log has all of its output, or never will. */
  readonly drained: Promise<void>;
  /** The process that keeps its output; undefined: the engine does. */
  readonly keeper: ProcessIdentity | undefined;
  /** Rejects as soon as it is known that the log can't be complete; never resolves. */
  readonly outputLost?: Promise<never>;
  /** How long it has run already. */
  readonly ranMs: number;
  /** Whether it had ended when it was adopted. */
  readonly hasEnded: boolean;
  /** Stops reading its output, and resolves once nothing more is written. */
  stopReading(): Promise<void>;
}

/**
 * Returns the file for the output of a container, if it is not the engine that keeps it. Each container has its own: the
 * process of an earlier one, which the run did not start in the end, may still write.
 */
export function outputFile(
  directory: string,
  containerId: string,
  { maxLogBytes }: AdoptServices['settings'],
): KeptFile {
  return { path: join(directory, `output-${containerId}`), maxBytes: maxLogBytes };
}

type Run = Pick<CompiledRun, 'session' | 'context' | 'taskLog'>;

const FOLLOW_AGAIN_MS = 1000;
/** How long a busy engine may take to say that a container has ended whose output has ended. */
const END_AFTER_OUTPUT_MS = 20_000;
/** After SIGKILL, after SIGTERM, and what the engine reports when it does not know. */
const ENDED_BY_ENGINE: ReadonlySet<number> = new Set([137, 143, 255]);

/**
 * Finds the container of a run that was interrupted. Waits for an engine that does not answer. Throws a TaskStopped if
 * the container is gone or was never started.
 */
export async function findStarted(
  { session, context }: Run,
  services: AdoptServices,
  id: string,
): Promise<FoundContainer> {
  const { engine, settings } = services;
  const labels = runLabels(context, 'task');
  const wait = {
    limitMs: settings.engineRestartMs,
    onWait: (error: unknown): void => {
      context.log.warn('waiting for docker', { error });
    },
  };
  const found = await untilEngineAnswers(wait, session.signal, (signal) => engine.findContainer(id, labels, signal));
  if (found && found.state !== 'created') return found;
  context.log.warn('container not adopted', { containerId: id, reason: found ? 'it never ran' : 'it is gone' });
  throw new TaskStopped('worker-shutdown');
}

/** Continues with a container that a previous worker started. Throws a TaskStopped if it is unknown how it ended. */
export async function adopt(
  run: Run,
  found: FoundContainer,
  services: Pick<AdoptServices, 'now' | 'settings'>,
  { keeper, requests }: { readonly keeper: ProcessIdentity | undefined; readonly requests: AbortSignal },
): Promise<Started> {
  if (found.state === 'ended' && !(await isOwnEnd(found, requests))) {
    run.context.log.warn('container not adopted', { containerId: found.id, reason: 'the engine ended it' });
    throw new TaskStopped('worker-shutdown');
  }
  if (keeper) run.session.resources.defer('output keeper', () => endKeeper(keeper));
  const kept = keeper && { file: outputFile(run.context.directory, found.id, services.settings), keeper };
  return takeOver(run, found, services, { requests, kept });
}

interface Reading {
  readonly requests: AbortSignal;
  readonly kept: KeptOutput | undefined;
}

function takeOver(
  run: Run,
  found: FoundContainer,
  { now }: Pick<AdoptServices, 'now'>,
  { requests, kept }: Reading,
): Started {
  const { context } = run;
  const { startedAt, endedAt = now() } = found;
  const ranMs = startedAt ? Math.max(0, endedAt.getTime() - startedAt.getTime()) : 0;
  context.log.info('container adopted', { containerId: found.id, state: found.state, ranMs });
  const reading = new LinkedAbort(requests);
  const output = follow(run, found, { kept, signal: reading.signal });
  const { running } = found;
  const hasEnded = found.state === 'ended';
  const stopReading = stopperOf(reading, output);
  return { running, ranMs, hasEnded, ...output, keeper: kept?.keeper, stopReading };
}

/** Returns a `stopReading` for output that is read until `reading` aborts. */
export function stopperOf(reading: LinkedAbort, { drained }: Pick<Started, 'drained'>): Started['stopReading'] {
  return async () => {
    reading.abort(new Error('the output is read in another way'));
    await drained.catch(() => undefined);
  };
}

/** Returns whether the container ended for a reason of its own, and not because its engine was stopped. */
async function isOwnEnd(found: FoundContainer, signal: AbortSignal): Promise<boolean> {
  const { exitCode, oomKilled } = await found.running.wait(signal);
  // The exit code alone tells little: a command may handle the signal that a stopping engine sends it.
  if (oomKilled === true) return true;
  const end = await found.lookUpEnd(signal);
  if (end !== 'unknown') return end === 'seen';
  return !ENDED_BY_ENGINE.has(exitCode) && (await found.mayHaveForgottenEnd(signal));
}

interface Loss {
  readonly id: string;
  /** The process that kept its output, until then. */
  readonly keeper: ProcessIdentity | undefined;
  /** The error that told of it. */
  readonly error: unknown;
  readonly requests: AbortSignal;
}

/**
 * Waits for an engine that was lost and continues with the container, if the engine kept it running (live-restore).
 * Throws the loss otherwise.
 */
export async function adoptAfterLoss(
  run: Run,
  services: AdoptServices,
  { id, keeper, error, requests }: Loss,
): Promise<Started> {
  const { context, session, taskLog } = run;
  const lostAtMs = performance.now();
  try {
    const found = await findStarted(run, services, id);
    // What was printed since, nobody has kept.
    if (keeper) throw error;
    if (found.state === 'ended' && (await found.lookUpEnd(requests)) !== 'seen') throw error;
    const seconds = Math.round((performance.now() - lostAtMs) / 1000);
    context.log.info('docker is back', { seconds });
    taskLog.lineAtBreak(engineAwayNotice(seconds));
    return takeOver(run, found, services, { requests, kept: undefined });
  } catch (failure) {
    session.signal.throwIfAborted();
    if (failure !== error) context.log.warn('container not adopted', { containerId: id, error: errorMessage(failure) });
    throw error;
  }
}

interface Source {
  /** Undefined: the engine has the output. */
  readonly kept: KeptOutput | undefined;
  readonly signal: AbortSignal;
}

/** Continues the log with what was kept of the output. */
function follow(run: Run, found: FoundContainer, source: Source): Pick<Started, 'drained' | 'outputLost'> {
  const drained = readToEnd(run, found, source).catch((error: unknown) => {
    if (isEngineLoss(error) || source.signal.aborted) throw error;
    const { context } = run;
    context.log.error('container output lost', { error });
    const reason = error instanceof OutputMismatch ? error.message : authorMessage(error);
    context.output.error(missingOutputNotice(reason));
    // A log with a gap must not pass for a success.
    throw new TaskStopped('worker-shutdown', { cause: error });
  });
  const outputLost = drained.then(() => new Promise<never>(() => undefined));
  outputLost.catch(() => undefined);
  return { drained, outputLost };
}

async function readToEnd({ taskLog }: Run, found: FoundContainer, { kept, signal }: Source): Promise<void> {
  const ended = found.running.wait(signal);
  const end = new LinkedAbort(signal);
  const over = ended
    .catch(() => undefined)
    .then(() => {
      end.abort(new Error('the container has ended'));
    });
  const read = async (isFollowing: boolean): Promise<{ readonly isShort: boolean }> => {
    let isShort = false;
    const consume = async (output: Parameters<typeof taskLog.resume>[0]): Promise<void> => {
      ({ isShort } = await taskLog.resume(output));
    };
    const { drained } = await found.readOutput(consume, { follow: isFollowing, kept }, signal);
    await drained;
    return { isShort };
  };
  if (found.state === 'ended') await over;
  const isOver = (): boolean => end.signal.aborted;
  while (!isOver()) {
    await read(true);
    await delay(kept ? END_AFTER_OUTPUT_MS : FOLLOW_AGAIN_MS, end.signal).catch(() => undefined);
    // Older engines end a follower early (https://github.com/moby/moby/issues/43860); a keeper ends once.
    if (kept && !isOver()) throw new Error('the process that kept the output ended before the container');
  }
  await ended;
  // Only now is it certain that all of it is there.
  const { isShort } = await read(false);
  if (isShort) throw new Error('the log has output that was not kept');
}
