import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LABEL } from '../docker/engine.js';
import { endKeepersBelow } from '../docker/output-keeper.js';
import type { DockerEngine, FoundContainer } from '../docker/engine.js';
import { untilEngineAnswers } from '../docker/until-engine-answers.js';
import type { Claim } from '../queue/queue-client.js';
import type { Feature } from '../task/feature.js';
import type { Logger } from '../log/logger.js';
import { runLabels, workerLabels } from '../task/phases/container-spec.js';
import { LOG_FILE } from '../task/phases/open.js';
import type { RunEntry } from '../task/run-journal.js';
import { RECORD_VERSION } from '../task/run-record.js';
import type { ResumeFacts, RunRecord } from '../task/run-record.js';
import type { ResumedRun } from '../task/run.js';
import type { WorkerFacts } from '../task/task-context.js';
import { errorMessage } from '../util/error-message.js';

export interface ResumptionDeps {
  readonly engine: Pick<
    DockerEngine,
    'findContainer' | 'findContainers' | 'removeContainer' | 'findVolumes' | 'removeVolume'
  >;
  readonly worker: WorkerFacts;
  readonly runsDirectory: string;
  /** How long to wait for an engine that does not answer. */
  readonly engineRestartMs: number;
  readonly admission: { readonly features: readonly Pick<Feature, 'name' | 'recover'>[] };
  /** When the previous worker was last alive; undefined: unknown. */
  readonly lastSeen: Date | undefined;
  readonly now: () => Date;
  readonly log: Logger;
  /** Whether the previous worker had no other run: then this one may be why it died. */
  readonly isOnlyRun: boolean;
}

/** How the run of a record continues. */
export type Resumption =
  | { readonly kind: 'adopt' | 'begin-again'; readonly claim: Claim; readonly resumed: ResumedRun }
  /** `isCause`: the worker died repeatedly soon after it had resumed this run, and no other. */
  | { readonly kind: 'give-up'; readonly reason: string; readonly isCause?: boolean };

/** A worker that dies this soon after it resumed a run may have died of it. */
const QUICK_DEATH_MS = 10_000;
const MAX_QUICK_DEATHS = 20;
/** What the worker itself writes into a log when it resumes a run. */
const WORKERS_LINES_BYTES = 200;

const NO_CONTAINER = {
  containerId: undefined,
  prepared: undefined,
  image: undefined,
  keeper: undefined,
  ended: undefined,
  outcome: undefined,
} as const;

/**
 * Decides how the run of a record continues: *adopt* what runs or has ended, *begin again* if no container was started,
 * or *give up*. What a run that begins again had left on the engine is removed before. Throws nothing but the reason of
 * the signal.
 */
export async function resumptionOf(entry: RunEntry, deps: ResumptionDeps, signal: AbortSignal): Promise<Resumption> {
  const { record } = entry;
  try {
    const claim = claimOf(record);
    if (typeof claim === 'string') return { kind: 'give-up', reason: claim };
    const directory = await existingDirectory(record, deps.runsDirectory);
    const quickDeaths = quickDeathsOf(record, directory, deps.lastSeen);
    if (quickDeaths >= MAX_QUICK_DEATHS) {
      const reason = `the worker died ${quickDeaths} times soon after it resumed it`;
      return { kind: 'give-up', reason, isCause: deps.isOnlyRun };
    }
    if (record.directory !== undefined && directory === undefined) {
      return { kind: 'give-up', reason: 'its directory is gone' };
    }
    let kind = await kindOf(record, deps, signal);
    if (typeof kind === 'object') return { kind: 'give-up', reason: kind.reason };
    if (kind === 'begin-again' && (await removeLeft(record, deps, signal)) === 'started') kind = 'adopt';
    if (kind === 'begin-again' && directory) await endKeepersBelow(directory.path);
    const facts = kind === 'begin-again' ? NO_CONTAINER : {};
    await note(
      entry,
      { ...facts, adoptedAt: deps.now().toISOString(), quickDeaths, logBytes: directory?.logBytes },
      deps,
    );
    return { kind, claim, resumed: { entry, facts: factsOf(entry.record, directory?.path, deps) } };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'give-up', reason: errorMessage(error) };
  }
}

/** Returns the claim of a record, or why there is none. */
function claimOf(record: RunRecord): Claim | string {
  const { version, task, credentials, taskId, runId, workerGroup, workerId, takenUntil, clockSkewMs } = record;
  if (version !== RECORD_VERSION) return `its record has the format of another version (${version ?? 1})`;
  if (!task || !credentials) return 'its record is not complete';
  return { taskId, runId, workerGroup, workerId, takenUntil: new Date(takenUntil), clockSkewMs, task, credentials };
}

/** Counts deaths in a row without any progress of the run. */
function quickDeathsOf(
  { adoptedAt, quickDeaths = 0, logBytes = 0 }: RunRecord,
  directory: RunDirectory | undefined,
  lastSeen: Date | undefined,
): number {
  if (adoptedAt === undefined || !lastSeen) return 0;
  const livedMs = lastSeen.getTime() - Date.parse(adoptedAt);
  const hasProgressed = (directory?.logBytes ?? 0) - logBytes > WORKERS_LINES_BYTES;
  return livedMs >= 0 && livedMs < QUICK_DEATH_MS && !hasProgressed ? quickDeaths + 1 : 0;
}

async function note(entry: RunEntry, facts: Partial<RunRecord>, { log }: ResumptionDeps): Promise<void> {
  try {
    await entry.update(facts);
  } catch (error) {
    // What is in memory is enough unless this worker dies too.
    log.error('run journal not written', { error });
  }
}

interface RunDirectory {
  readonly path: string;
  readonly logBytes: number;
}

async function existingDirectory(record: RunRecord, runsDirectory: string): Promise<RunDirectory | undefined> {
  const name = directoryOf(record);
  if (name === undefined) return undefined;
  const path = join(runsDirectory, name);
  try {
    await access(path);
  } catch {
    return undefined;
  }
  const logBytes = await stat(join(path, LOG_FILE)).then(
    ({ size }) => size,
    () => 0,
  );
  return { path, logBytes };
}

async function kindOf(
  record: RunRecord,
  deps: ResumptionDeps,
  signal: AbortSignal,
): Promise<'adopt' | 'begin-again' | { readonly reason: string }> {
  const { containerId, prepared, image, outcome } = record;
  if (outcome && prepared) return 'adopt';
  // Nothing was started. A run that was refused, whose outcome is on record, will be refused again.
  if (containerId === undefined) return 'begin-again';
  const container = await findContainer(containerId, record, deps, signal);
  if (!container) return { reason: 'its container is gone' };
  if (container.state === 'created') return 'begin-again';
  return prepared && image ? 'adopt' : { reason: 'its record is not complete' };
}

async function findContainer(
  id: string,
  { taskId, runId }: RunRecord,
  { engine, worker, engineRestartMs }: ResumptionDeps,
  signal: AbortSignal,
): Promise<FoundContainer | undefined> {
  const labels = runLabels({ taskId, runId, worker }, 'task');
  return await untilEngineAnswers({ limitMs: engineRestartMs }, signal, (limit) =>
    engine.findContainer(id, labels, limit),
  );
}

/**
 * Removes what a previous worker had made for the run before its command started. Removes nothing and returns `started`
 * when the engine has done meanwhile what that worker had asked it for last: to start the container.
 */
async function removeLeft(
  { taskId, runId, containerId, prepared, image }: RunRecord,
  { engine, worker, engineRestartMs, admission }: ResumptionDeps,
  signal: AbortSignal,
): Promise<'removed' | 'started'> {
  // Whatever their roles are.
  const own = { ...workerLabels(worker), [LABEL.taskId]: taskId, [LABEL.runId]: String(runId) };
  const done = await untilEngineAnswers({ limitMs: engineRestartMs }, signal, async (limit) => {
    const left = await engine.findContainers(own, limit);
    for (const { id } of left.filter(({ labels }) => labels[LABEL.role] === 'task')) {
      const found = await engine.findContainer(id, own, limit);
      if (!found || found.state === 'created') continue;
      if (id === containerId && prepared && image) return 'started';
      // Its record could not be written: the command must not run twice.
      throw new Error('its command had been started, which its record lacks');
    }
    for (const { id } of left) await engine.removeContainer(id);
    for (const { id } of await engine.findVolumes(own, limit)) await engine.removeVolume(id);
    return 'removed';
  });
  if (done === 'started') return done;
  for (const feature of admission.features) await feature.recover?.({ taskId, runId });
  return done;
}

function factsOf(record: RunRecord, directory: string | undefined, { lastSeen }: ResumptionDeps): ResumeFacts {
  const { log, live, openedAt, prepared, image, containerId, keeper, ended, outcome } = record;
  return {
    ...(directory !== undefined && { directory }),
    ...(log && { log }),
    ...(live && { live }),
    ...(openedAt !== undefined && { openedAt }),
    ...(prepared && { prepared }),
    ...(image && { image }),
    ...(containerId !== undefined && { containerId }),
    ...(keeper && { keeper }),
    ...(ended && { ended }),
    ...(outcome && { outcome }),
    lastSeen: lastSeen?.toISOString() ?? record.takenUntil,
  };
}

/** Returns the directory's name, the only part of a record's path that is trusted. */
export function directoryOf({ directory }: Pick<RunRecord, 'directory'>): string | undefined {
  const name = (directory ?? '').split('/').at(-1) ?? '';
  return ['', '.', '..'].includes(name) ? undefined : name;
}
