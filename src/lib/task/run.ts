import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { exception } from '../outcome/resolution.js';
import type { Claim } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { admit, refusedFeatures } from './phases/admit.js';
import type { Admission, AdmitServices } from './phases/admit.js';
import { collect } from './phases/collect.js';
import type { CollectServices, Outcome } from './phases/collect.js';
import { compile } from './phases/container-spec.js';
import type { CompileServices } from './phases/container-spec.js';
import { execute } from './phases/execute.js';
import type { ExecuteServices } from './phases/execute.js';
import { finish } from './phases/finish.js';
import { recordedOutcome } from './phases/recorded-outcome.js';
import { interrupted } from './phases/interrupted.js';
import { openRun } from './phases/open.js';
import type { OpenServices } from './phases/open.js';
import { prepare } from './phases/prepare.js';
import type { PrepareServices } from './phases/prepare.js';
import type { RunEntry, RunJournal } from './run-journal.js';
import type { ResumeFacts } from './run-record.js';
import { RunSession } from './run-session.js';
import type { ReclaimOptions, SessionServices } from './run-session.js';

/** The services that every run of this worker uses. */
export interface RunServices
  extends
    SessionServices,
    OpenServices,
    AdmitServices,
    PrepareServices,
    CompileServices,
    ExecuteServices,
    CollectServices {
  readonly admission: Admission;
  readonly settings: OpenServices['settings'] & ExecuteServices['settings'];
  readonly containerDefaults: CompileServices['containerDefaults'];
  readonly journal: RunJournal;
  readonly reclaiming: ReclaimOptions;
  readonly metrics?: MetricsRecorder;
}

/** A claimed run in progress. No promise rejects. */
export interface RunHandle {
  /** The run holds everything that it will use on the machine, or has ended. */
  readonly prepared: Promise<void>;
  /** The queue knows how the run ended; the slot is free. */
  readonly resolved: Promise<void>;
  /** Nothing of the run is left on the machine. */
  readonly finished: Promise<void>;
}

/** A run that a previous worker left unfinished. */
export interface ResumedRun {
  readonly entry: RunEntry;
  /** What the phases resume from. Without a container the run begins again. */
  readonly facts: ResumeFacts;
}

/**
 * Takes a claim through to its resolution. `stop` aborts with a TaskStopped('worker-shutdown'). A run that a previous
 * worker left unfinished is `resumed`.
 */
export function runClaim(services: RunServices, claim: Claim, stop: AbortSignal, resumed?: ResumedRun): RunHandle {
  let markResolved = (): void => undefined;
  const resolved = new Promise<void>((resolve) => {
    markResolved = resolve;
  });
  let markPrepared = (): void => undefined;
  const prepared = new Promise<void>((resolve) => {
    markPrepared = resolve;
  });
  return { prepared, resolved, finished: withClaim(services, claim, { stop, resumed, markPrepared, markResolved }) };
}

interface ClaimOptions {
  readonly stop: AbortSignal;
  readonly resumed: ResumedRun | undefined;
  readonly markPrepared: () => void;
  readonly markResolved: () => void;
}

/** Opens the session around a run: holds the claim until the run is reported, and releases everything after that. */
async function withClaim(services: RunServices, claim: Claim, options: ClaimOptions): Promise<void> {
  const { lifecycle, journal } = services;
  const { stop, resumed, markPrepared, markResolved } = options;
  const session = new RunSession(services, claim, resumed?.entry ?? journal.entry(claim), { stop });
  // The run has been on record since its claim was received (RunJournal.noteClaims).
  session.resources.defer('journal', () => session.journal.remove());
  session.log.info(resumed ? 'resumed task' : 'claimed task', { takenUntil: claim.takenUntil.toISOString() });
  if (!resumed) {
    lifecycle.taskQueue(claim, new Date(claim.task.created));
    countFirstClaim(services, claim);
  }
  // Its claim may be over soon, or be over already.
  session.hold(services.reclaiming, { reclaimsAtOnce: resumed !== undefined });
  try {
    await run(session, claim, services, { facts: resumed?.facts ?? {}, markPrepared });
  } catch (error) {
    // An error before the log was open, or a bug of ours: no other code will ever resolve this run.
    session.log.error('run failed unexpectedly', { error, what: errorMessage(error) });
    await session.report(exception(resumed ? 'worker-shutdown' : 'internal-error'));
  }
  markPrepared();
  // Whatever became of the run, its container is removed, and before all that it uses.
  const containerId = resumed?.facts.containerId;
  if (containerId !== undefined) session.holdContainer(containerId, () => services.engine.removeContainer(containerId));
  lifecycle.taskFinish(claim);
  session.countResolution();
  markResolved();
  await session.cleanUp();
}

interface RunOptions extends Pick<ClaimOptions, 'markPrepared'> {
  readonly facts: ResumeFacts;
}

/**
 * Runs all phases. Each takes what the previous one returns; an error or a stop goes straight to `finish`. A phase that
 * finds its facts in the record of a worker that died resumes from them instead of starting over.
 */
async function run(
  session: RunSession,
  claim: Claim,
  services: RunServices,
  { facts, markPrepared }: RunOptions,
): Promise<void> {
  const opened = await openRun(session, claim, services, facts);
  const stopReporting = session.reportShutdownAtOnce();
  let outcome: Outcome;
  let features = refusedFeatures(opened.context, services.admission);
  try {
    const admitted = await admit(opened, services, facts);
    features = admitted.features;
    const prepared = await prepare(admitted, services, facts);
    markPrepared();
    if (facts.outcome) {
      outcome = recordedOutcome(prepared, facts.outcome);
    } else {
      const compiled = await compile(prepared, services);
      const executed = await execute(compiled, services, facts);
      outcome = await collect(executed, services);
    }
  } catch (error) {
    outcome = interrupted(opened, features, error);
  }
  stopReporting();
  const resolution = await finish(opened, outcome);
  await session.enter('report', { resolution });
  await session.report(resolution);
}

/** Measured with the queue's clock, which set the task's creation time. */
function countFirstClaim({ now, metrics }: RunServices, { runId, task, clockSkewMs }: Claim): void {
  if (runId !== 0) return;
  const seconds = (now().getTime() - clockSkewMs - Date.parse(task.created)) / 1000;
  if (seconds >= 0) metrics?.firstClaimed(seconds);
}
