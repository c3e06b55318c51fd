import type { Config } from '../../config/config.js';
import type { DockerEngine } from '../../docker/engine.js';
import { DiskSpace } from '../../gc/disk-space.js';
import type { GarbageSource } from '../../gc/garbage-source.js';
import { Janitor } from '../../gc/janitor.js';
import type { OpenRuns } from '../../gc/open-runs.js';
import { Orphans } from '../../gc/orphans.js';
import type { OrphansDeps } from '../../gc/orphans.js';
import { RunDirectories } from '../../gc/run-directories.js';
import { StaleContainers } from '../../gc/stale-containers.js';
import type { Host } from '../../host/host.js';
import { TaskclusterWorkerManager } from '../../host/taskcluster-worker-manager.js';
import type { Logger } from '../../log/logger.js';
import type { MetricsRecorder } from '../../log/metrics-recorder.js';
import type { CredentialHolder } from '../../queue/credential-holder.js';
import type { CredentialSource } from '../../queue/queue-client.js';
import { workerLabels } from '../../task/phases/container-spec.js';
import type { WorkerFacts } from '../../task/task-context.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { DiskAdmission } from '../disk-admission.js';
import { CERTIFICATE_NOTICE_DAYS, CREDENTIALS_NOTICE_DAYS, credentialsEnd } from '../ending.js';
import type { Ending } from '../ending.js';
import { PoolAdvice } from '../pool-advice.js';
import type { Recovery } from '../recovery.js';
import { TaskQuota } from '../task-quota.js';
import type { WorkerOptions } from '../worker.js';
import type { Servers } from './servers.js';

interface LeftContainersParts extends Pick<OrphansDeps, 'lock' | 'journal' | 'networks' | 'log'> {
  readonly engine: DockerEngine;
  readonly facts: WorkerFacts;
}

/** What cleans up containers, and what belongs to them, that are no longer in use. */
export interface LeftContainers {
  readonly orphans: Orphans;
  readonly stale: StaleContainers;
}

/** Makes what removes from the engine what runs left there. */
export function makeLeftContainers({ garbageCollection }: Config, parts: LeftContainersParts): LeftContainers {
  const { engine, log, facts } = parts;
  const { containerExpiration: expirationMs, wholeMachine } = garbageCollection;
  const labels = workerLabels(facts);
  const stale = new StaleContainers({ engine, log, now: () => new Date(), labels, expirationMs, wholeMachine });
  return { stale, orphans: new Orphans({ ...parts, labels, stale }) };
}

interface GarbageCollectionParts {
  readonly log: Logger;
  readonly metrics: MetricsRecorder;
  /** The most runs at once. */
  readonly capacity: number;
  readonly runsDirectory: string;
  readonly journal: OpenRuns;
  readonly recovery: Pick<Recovery, 'isUnderWay'>;
  readonly removeTree: RemoveTree;
  readonly containers: LeftContainers;
  /** Images and caches, collected in this order, after the containers that use them. */
  readonly sources: readonly GarbageSource[];
}

export interface GarbageCollection {
  readonly janitor: Janitor;
  readonly room: DiskAdmission;
}

/** Makes what removes unused data from the machine's disk, and what limits claims to the free space. */
export function makeGarbageCollection(
  config: Config,
  parts: GarbageCollectionParts,
  resources: ResourceStack,
): GarbageCollection {
  const { log, metrics, capacity, runsDirectory: directory, journal, recovery, removeTree, containers } = parts;
  const { interval: intervalMs } = config.garbageCollection;
  const { diskspaceThreshold: thresholdBytes } = config.capacityManagement;
  const now = (): Date => new Date();
  const isRecovering = (name: string): boolean => recovery.isUnderWay(name);
  const runDirectories = new RunDirectories({ directory, journal, isRecovering, log, now, removeTree });
  const disk = new DiskSpace({ path: config.dockerVolume, log });
  const room = new DiskAdmission({ disk, thresholdBytes, capacity, retryMs: intervalMs, log, now });
  const janitor = new Janitor({
    sources: [containers.orphans, containers.stale, runDirectories, ...parts.sources],
    isDiskShort: () => room.isDiskShort(),
    freeBytes: () => disk.freeBytes(),
    intervalMs,
    log,
    metrics,
  });
  resources.defer('garbage collection', () => janitor.stop());
  return { janitor, room };
}

interface EndingParts {
  readonly servers: Pick<Servers, 'liveLog' | 'interactiveServer'>;
  readonly credentials: Pick<CredentialHolder, 'current'>;
  readonly host: Pick<Host, 'isManaged'>;
}

/** Returns what expires at a time that is known in advance: certificates and credentials. */
export function makeEndings({ servers, credentials, host }: EndingParts): readonly Ending[] {
  const { liveLog, interactiveServer } = servers;
  const noticeDays = CERTIFICATE_NOTICE_DAYS;
  return [
    { what: 'live-log-certificate', noticeDays, end: async () => await liveLog?.certificateEnd() },
    { what: 'interactive-certificate', noticeDays, end: async () => await interactiveServer?.certificateEnd() },
    {
      what: 'credentials',
      noticeDays: host.isManaged === true ? 0 : CREDENTIALS_NOTICE_DAYS,
      end: () => Promise.resolve(credentialsEnd(credentials.current)),
    },
  ];
}

interface LifeParts {
  readonly host: Pick<Host, 'isManaged'>;
  /** The worker's own credentials. */
  readonly credentials: CredentialSource;
  readonly log: Logger;
}

/** Makes what can end the worker, besides its host: worker-manager's advice, the task quota and the idle timeout. */
export async function makeLife(
  config: Config,
  parts: LifeParts,
): Promise<Pick<WorkerOptions, 'advice' | 'quota' | 'shutdown'>> {
  const { numberOfTasksToRun: limit, stateDir } = config;
  const quota = limit > 0 ? await TaskQuota.open({ limit, stateDir, log: parts.log }) : undefined;
  return { quota, advice: makePoolAdvice(config, parts), shutdown: shutdownSettings(config) };
}

function makePoolAdvice(config: Config, { host, credentials, log }: LifeParts): PoolAdvice | undefined {
  const { rootUrl, provisionerId, workerType, workerGroup, workerId, shutdown, taskQueue } = config;
  if (!(shutdown.askWorkerManager ?? host.isManaged === true)) return undefined;
  const manager = new TaskclusterWorkerManager(taskQueue.callTimeout);
  const worker = { workerPoolId: `${provisionerId}/${workerType}`, workerGroup, workerId };
  return new PoolAdvice({
    log,
    ask: (signal) => manager.shouldTerminate({ rootUrl, credentials: credentials.current }, worker, signal),
  });
}

function shutdownSettings({ capacity, shutdown }: Config): WorkerOptions['shutdown'] {
  const { enabled, afterIdleSeconds, gracePeriodSeconds, nodeTerminationPoll } = shutdown;
  // An operator who sets capacity 0 wants to inspect the machine. A worker that can't claim otherwise is useless.
  const endsWhenIdle = enabled && afterIdleSeconds > 0 && capacity > 0;
  return {
    afterIdleMs: endsWhenIdle ? afterIdleSeconds * 1000 : undefined,
    gracePeriodMs: gracePeriodSeconds === undefined ? undefined : gracePeriodSeconds * 1000,
    terminationPollMs: nodeTerminationPoll,
  };
}
