import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import { DiskSpace } from '../gc/disk-space.js';
import type { GarbageSource } from '../gc/garbage-source.js';
import { Janitor } from '../gc/janitor.js';
import { Orphans } from '../gc/orphans.js';
import type { OrphansDeps } from '../gc/orphans.js';
import type { OpenRuns } from '../gc/open-runs.js';
import { RunDirectories } from '../gc/run-directories.js';
import { StaleContainers } from '../gc/stale-containers.js';
import type { Logger } from '../log/logger.js';
import type { MetricsRecorder } from '../log/metrics-recorder.js';
import { workerLabels } from '../task/phases/container-spec.js';
import type { WorkerFacts } from '../task/task-context.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { DiskAdmission } from './disk-admission.js';

interface GarbageCollectionDeps {
  readonly engine: DockerEngine;
  readonly log: Logger;
  readonly metrics: MetricsRecorder;
  readonly facts: WorkerFacts;
  readonly capacity: number;
  readonly runs: {
    readonly journal: OpenRuns;
    readonly directory: string;
    /** True for a directory of a run that a worker before this one left and that is not done with. */
    readonly isRecovering: (name: string) => boolean;
  };
  readonly beside: Pick<OrphansDeps, 'networks'>;
  readonly lock: OrphansDeps['lock'];
  readonly removeTree: RemoveTree;
  /** Images, caches: collected from in this order, after the containers that use them. */
  readonly sources: readonly GarbageSource[];
}

export interface GarbageCollection {
  readonly orphans: Orphans;
  readonly janitor: Janitor;
  readonly room: DiskAdmission;
}

/** What keeps the machine's disk and engine free of what nobody uses any more, and claims within what is free. */
export function composeGarbageCollection(config: Config, deps: GarbageCollectionDeps): GarbageCollection {
  const { engine, log, metrics, facts, capacity, runs, sources, removeTree } = deps;
  const { containerExpiration, interval, wholeMachine } = config.garbageCollection;
  const now = (): Date => new Date();
  const labels = workerLabels(facts);
  const stale = new StaleContainers({ engine, log, now, labels, expirationMs: containerExpiration, wholeMachine });
  const { lock, beside } = deps;
  const { networks } = beside;
  const orphans = new Orphans({ engine, lock, journal: runs.journal, networks, log, labels, stale });
  const runDirectories = new RunDirectories({ ...runs, log, now, removeTree });
  const disk = new DiskSpace({ path: config.dockerVolume, log });
  const room: DiskAdmission = new DiskAdmission({
    disk,
    thresholdBytes: config.capacityManagement.diskspaceThreshold,
    capacity,
    collect: () => janitor.collect(),
    retryMs: interval,
    log,
    now,
  });
  const janitor: Janitor = new Janitor({
    sources: [orphans, stale, runDirectories, ...sources],
    isDiskShort: () => room.isDiskShort(),
    freeBytes: () => disk.freeBytes(),
    intervalMs: interval,
    log,
    metrics,
  });
  return { orphans, janitor, room };
}
