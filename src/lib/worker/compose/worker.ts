import type { Config } from '../../config/config.js';
import { DockerodeEngine } from '../../docker/dockerode-engine.js';
import type { ContainerLimits, DockerEngine } from '../../docker/engine.js';
import { treeRemover } from '../../docker/tree-remover.js';
import type { FeatureServices } from '../../features/registry.js';
import type { Host } from '../../host/host.js';
import type { MetricsOutput } from '../../log/lifecycle-events.js';
import type { Logger } from '../../log/logger.js';
import type { Problem } from '../../log/recent-problems.js';
import { CredentialHolder } from '../../queue/credential-holder.js';
import { workerLabels } from '../../task/phases/container-spec.js';
import { runClaim } from '../../task/run.js';
import type { RunServices } from '../../task/run.js';
import type { Feature } from '../../task/feature.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import { ResourceStack } from '../../util/resource-stack.js';
import type { IsUntouched } from '../not-set-up.js';
import { Recovery } from '../recovery.js';
import { Worker } from '../worker.js';
import type { WorkerOptions } from '../worker.js';
import { WriteProbe } from '../write-probe.js';
import { makeAdmission } from './admission.js';
import { makeEndings, makeGarbageCollection, makeLeftContainers, makeLife } from './housekeeping.js';
import type { GarbageCollection, LeftContainers } from './housekeeping.js';
import { makeImages } from './images.js';
import { makeLifecycle, makeObservability } from './observability.js';
import { logDriverOf } from './log-driver.js';
import { makeDevices, makeMetadata, makeQueue, reportUnusableKeys } from './preflight.js';
import type { WorkerDevices } from './preflight.js';
import { makeServers } from './servers.js';
import type { Servers } from './servers.js';
import { lockEngine, makeStorage } from './storage.js';
import type { Storage } from './storage.js';
import { workerFacts } from './worker-facts.js';

const now = (): Date => new Date();

export interface WorkerSetup {
  readonly config: Config;
  readonly host: Host;
  readonly log: Logger;
  readonly version: string;
  readonly nodeVersion?: string;
  /** Credentials from the configuration. */
  readonly secrets?: readonly string[];
  /** Receives the WORKER_METRICS lines. */
  readonly metricsOutput: MetricsOutput;
  /** Returns how many lines of the worker's log were dropped so far; absent: none ever are. */
  readonly droppedLogLines?: () => number;
  /** Returns the number of alerts so far; absent: they are not counted. */
  readonly alerts?: () => number;
  /** Returns the last warnings and errors of the log, the newest first; absent: they are not kept. */
  readonly problems?: () => readonly Problem[];
  /** Returns the configuration as text without secrets, for the worker's page; absent: it does not show it. */
  readonly shownConfig?: () => string;
  /** Tells whether a key still has its default value: the operator has not set it up. Absent: no key has. */
  readonly isUntouched?: IsUntouched;
  /** The engine, for a worker whose containers someone else observes. Absent: that of the configuration. */
  readonly engine?: DockerEngine;
  /** Features besides the worker's own, for a program that has the worker in it. No configuration can name them. */
  readonly moreFeatures?: readonly Feature[] | undefined;
  /** Whether a worker with another stateDir will use the caches. Absent: no. */
  readonly isCacheStatePortable?: boolean;
}

/** Makes the worker and all its parts; nothing is claimed before it runs. Throws a ConfigError, among others. */
export async function makeWorker(setup: WorkerSetup): Promise<Worker> {
  const { log } = setup;
  const resources = new ResourceStack((what, error) => {
    log.error('resource not released', { what, error });
  });
  try {
    return await assemble(setup, resources);
  } catch (error) {
    await resources.close();
    throw error;
  }
}

/** Makes all parts; the first one made is released last. */
async function assemble(setup: WorkerSetup, resources: ResourceStack): Promise<Worker> {
  const { config, host, log, metricsOutput, isCacheStatePortable, isUntouched = () => false } = setup;
  const engine = setup.engine ?? new DockerodeEngine(config.docker);
  void reportUnusableKeys(config, log, isUntouched);
  const facts = workerFacts(config, setup.version);
  const { lock, locked: engineLocked } = lockEngine({ engine, facts, log }, resources);
  const observability = await makeObservability({ ...setup, engine }, resources);
  const { metrics } = observability;
  const credentials = new CredentialHolder(config.taskcluster);
  const queue = makeQueue(config, credentials, log);
  const lifecycle = makeLifecycle(config, metricsOutput);

  const removeTree = treeRemover(engine, workerLabels(facts));
  const shared = { engine, log, metrics, facts, removeTree };
  const storage = await makeStorage(config, { ...shared, credentials, engineLocked, isCacheStatePortable }, resources);
  const { runsDirectory, journal, caches, lastSeen } = storage;
  const entries = await journal.abandoned(log);
  const images = await makeImages(config, shared, resources);
  const devices = await makeDevices(config, log, isUntouched);
  const servers = await makeServers(config, { ...shared, images: images.provider, isUntouched, entries }, resources);
  const containers = makeLeftContainers(config, { ...shared, lock, journal, networks: servers.networks });

  const { publisher, putter } = servers;
  const services = featureServices(config, { ...shared, storage, servers, devices });
  const deps: RunServices = {
    ...shared,
    ...settingsOfRuns(config, runsDirectory, shared),
    queue,
    images: images.provider,
    admission: makeAdmission(config, services, setup.moreFeatures),
    journal,
    publisher,
    putter,
    lifecycle,
    worker: { ...facts, settings: await makeMetadata({ ...setup, engine }) },
    now,
    observer: observability.sessions,
    onOrphan: () => {
      containers.orphans.suspect();
    },
  };
  const recovery = await Recovery.find({ ...deps, removeTree, entries, lastSeen, stateDir: config.stateDir });

  const capacity = servers.unusable === undefined ? config.capacity : 0;
  // Images come before caches: fetching an image again costs the next task less than rebuilding a cache.
  const garbage = { ...shared, capacity, runsDirectory, journal, recovery, containers };
  const gc = makeGarbageCollection(config, { ...garbage, sources: [images.garbage, caches] }, resources);
  const worker = new Worker({
    ...claiming({
      probe: new WriteProbe([runsDirectory, config.stateDir], log),
      gc,
      containers,
      devices,
      storage,
      deps,
    }),
    ...(await makeLife(config, { host, credentials, log })),
    queue,
    capacity,
    pollIntervalMs: config.taskQueue.pollInterval,
    log,
    host,
    credentials,
    lifecycle,
    metrics,
    resumable: (signal) => recovery.resumable(signal).finally(() => storage.beginHeartbeat()),
    recover: (signal, leased) => cleanUpLeft({ recovery, containers, storage, gc, leased }, signal),
    close: () => resources.close(),
  });
  const endings = makeEndings({ servers, credentials, host });
  const { features } = deps.admission;
  observability.follow(worker, { endings, features, unusable: servers.unusable, caches, images: images.list });
  return worker;
}

interface FeatureParts {
  readonly engine: DockerEngine;
  readonly removeTree: RemoveTree;
  readonly storage: Storage;
  readonly servers: Servers;
  readonly devices: WorkerDevices;
}

/** Returns what features use. */
function featureServices(
  { cache: { purgeAfterKill } }: Config,
  { engine, removeTree, storage, servers, devices }: FeatureParts,
): FeatureServices {
  const { caches, purgeRequests } = storage;
  const { interactive, proxy, sidecars } = servers;
  const caching = { caches, purgeRequests, purgeAfterKill, removeTree };
  return { ...caching, interactive, proxy, sidecars, saving: { engine, now }, engine, devices: devices.manager };
}

interface Claiming {
  readonly probe: WriteProbe;
  readonly gc: GarbageCollection;
  readonly containers: LeftContainers;
  readonly devices: WorkerDevices;
  readonly storage: Storage;
  readonly deps: RunServices;
}

/** Returns what is checked before a claim, and what is done with it. */
function claiming({
  probe,
  gc,
  containers,
  devices: { manager, freed },
  storage,
  deps,
}: Claiming): Pick<WorkerOptions, 'checkReady' | 'roomFor' | 'roomFreed' | 'onClaimed' | 'rediscover' | 'run'> {
  return {
    checkReady: (signal) => containers.orphans.checkReady(signal),
    roomFor: async (tasks, signal) => {
      if (!(await probe.canWrite())) return 'no-disk';
      const byDevices = await manager.roomFor(tasks);
      if (byDevices === 0) return 'no-devices';
      const byDisk = await gc.room.roomFor(byDevices, () => gc.janitor.collect(), signal);
      return byDisk === 0 ? 'no-disk' : byDisk;
    },
    roomFreed: freed,
    onClaimed: (claims) => {
      try {
        storage.journal.noteClaims(claims);
      } catch (error) {
        deps.log.error('run journal not written', { error });
      }
    },
    rediscover: async () => {
      await manager.refresh();
      freed.call();
    },
    run: (claim, stop, resumed) => {
      storage.noteClockSkew(claim.clockSkewMs);
      const run = runClaim(deps, claim, stop, resumed);
      void run.finished.then(manager.expect(claim, claim.task.payload));
      return gc.room.track(run);
    },
  };
}

interface Left {
  readonly recovery: Recovery;
  readonly containers: LeftContainers;
  readonly storage: Storage;
  readonly gc: GarbageCollection;
  /** Resolves when the runs that continue have their leases again. */
  readonly leased: Promise<void>;
}

/** Cleans up what a previous worker left. What its containers had mounted is removed after them. */
async function cleanUpLeft({ recovery, containers, storage, gc, leased }: Left, signal: AbortSignal): Promise<void> {
  const collecting = async (): Promise<void> => {
    await leased;
    await containers.orphans.remove(signal);
    await storage.beginCaching();
    gc.janitor.start();
  };
  await Promise.all([recovery.run(signal), collecting()]);
}

/** Warns once, not at every poll of every run, about what all runs of a deployment lack. */
function warnOnce(log: Logger): RunServices['reclaiming']['onPollRefused'] {
  let isTold = false;
  return (error) => {
    if (!isTold) log.warn('task status refused', { error });
    isTold = true;
  };
}

function settingsOfRuns(
  { artifacts, task }: Config,
  runsDirectory: string,
  parts: { readonly engine: DockerEngine; readonly log: Logger },
): Pick<RunServices, 'settings' | 'reclaiming' | 'containerDefaults'> {
  const settings = {
    runsDirectory,
    artifactConcurrency: artifacts.concurrency,
    artifactStorage: artifacts.storageType,
    maxUploadMs: artifacts.maxUploadSeconds * 1000,
    maxLogBytes: task.maxLogBytes,
    engineRestartMs: task.engineRestartTimeout,
  };
  const reclaiming = {
    reclaimDivisor: task.reclaimDivisor,
    cancelPollIntervalMs: task.cancelPollInterval,
    onPollRefused: warnOnce(parts.log),
  };
  return { settings, reclaiming, containerDefaults: containerDefaults(task.container, parts) };
}

function containerDefaults(
  container: Config['task']['container'],
  parts: { readonly engine: DockerEngine; readonly log: Logger },
): RunServices['containerDefaults'] {
  const { logDriver, memory, memorySwap, cpus, pidsLimit, ulimits } = container;
  const limits: ContainerLimits = {
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(memorySwap !== undefined && { memorySwapBytes: memorySwap }),
    ...(cpus !== undefined && { cpus }),
    ...(pidsLimit !== undefined && { pids: pidsLimit }),
    ...(ulimits && { ulimits }),
  };
  return { logDriver: logDriverOf(logDriver, parts), limits };
}
