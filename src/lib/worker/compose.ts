import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentPutter } from '../artifacts/put-content.js';
import type { Config } from '../config/config.js';
import { DockerodeEngine } from '../docker/dockerode-engine.js';
import type { ContainerLimits, ContainerSpec } from '../docker/engine.js';
import { treeRemover } from '../docker/tree-remover.js';
import { TaskLogPublisher } from '../task-log/publisher.js';
import { createFeatures } from '../features/registry.js';
import type { Host } from '../host/host.js';
import type { Logger } from '../log/logger.js';
import { LifecycleEvents } from '../log/lifecycle-events.js';
import type { MetricsOutput } from '../log/lifecycle-events.js';
import { CredentialHolder } from '../queue/credential-holder.js';
import { workerLabels } from '../task/phases/container-spec.js';
import type { ContainerDefaults } from '../task/phases/container-spec.js';
import { runClaim } from '../task/run.js';
import type { RunServices } from '../task/run.js';
import { RunJournal } from '../task/run-journal.js';
import type { WorkerFacts } from '../task/task-context.js';
import { payloadValidator } from '../task/validate-payload.js';
import { composeBeside } from './compose-beside.js';
import { composeCaches } from './compose-caches.js';
import type { WorkerCaches } from './compose-caches.js';
import { composeEndings } from './compose-endings.js';
import { composeGarbageCollection } from './compose-gc.js';
import type { GarbageCollection } from './compose-gc.js';
import { composeDevices } from './compose-devices.js';
import type { WorkerDevices } from './compose-devices.js';
import { composeImages } from './compose-images.js';
import { reportUnusableKeys } from './compose-keys.js';
import { composeLiveLog } from './compose-live-log.js';
import { composeLocks } from './compose-locks.js';
import type { WorkerLocks } from './compose-locks.js';
import { composeMetadata } from './compose-metadata.js';
import { composePool } from './compose-pool.js';
import { composeQueue } from './compose-queue.js';
import { composeWatch } from './compose-watch.js';
import type { WorkerWatch } from './compose-watch.js';
import { ensureWritableDirectory } from './ensure-writable-directory.js';
import type { IsUntouched } from './not-set-up.js';
import { Recovery } from './recovery.js';
import { Worker } from './worker.js';
import { WriteProbe } from './write-probe.js';
import type { WorkerOptions } from './worker.js';

const now = (): Date => new Date();

export interface ComposeOptions {
  readonly config: Config;
  readonly host: Host;
  readonly log: Logger;
  readonly version: string;
  readonly nodeVersion?: string;
  /** Credentials of the configuration. */
  readonly secrets?: readonly string[];
  /** Takes the WORKER_METRICS lines. */
  readonly metricsOutput: MetricsOutput;
  /** Lines of the worker's log that were dropped so far; left out: none ever are. */
  readonly droppedLogLines?: () => number;
  /** Alerts so far; left out: they are not counted. */
  readonly alerts?: () => number;
  /** Whether a key has the value that comes with the worker, so that nobody has set it up; left out: none has. */
  readonly isUntouched?: IsUntouched;
}

const UNUSABLE = 'live logs cannot be served, so nothing is claimed';
// What a worker that ends leaves to those who still read a log; all of it is an artifact by then.
const READERS_GRACE_MS = 10_000;
// Bounds what the engine keeps of a container's output when it keeps any.
const LOG_DRIVER_OPTIONS = { none: {}, local: { 'max-size': '20m', 'max-file': '5' } } as const;

/** Makes the worker and all it consists of; nothing is claimed before it runs. */
export async function composeWorker(options: ComposeOptions): Promise<Worker> {
  const engine = new DockerodeEngine(options.config.docker);
  const { isUntouched = () => false } = options;
  void reportUnusableKeys(options.config, options.log, isUntouched);
  const facts = workerFacts(options.config, options.version);
  const locks = composeLocks(options.config, { engine, facts, log: options.log });
  const watch = await composeWatch({ ...options, engine });
  try {
    return await composeWatched(options, { engine, facts, locks, watch });
  } catch (error) {
    await locks.release();
    await watch.close();
    throw error;
  }
}

interface Parts {
  readonly engine: DockerodeEngine;
  readonly facts: WorkerFacts;
  readonly locks: WorkerLocks;
  readonly watch: WorkerWatch;
}

async function composeWatched(options: ComposeOptions, { engine, facts, locks, watch }: Parts): Promise<Worker> {
  const { config, host, log, metricsOutput, isUntouched = () => false } = options;
  const { metrics } = watch;
  const credentials = new CredentialHolder(config.taskcluster);
  const queue = composeQueue(config, credentials, log);
  const liveLog = await composeLiveLog(config, log);
  const lifecycle = composeMetrics(config, metricsOutput);
  const runsDirectory = await takeDirectories(config);
  const devices = await composeDevices(config, log, isUntouched);
  await locks.acquire(runsDirectory);
  const removeTree = treeRemover(engine, workerLabels(facts));
  const shared = { engine, log, metrics, facts, removeTree };
  const caching = await composeCaches(config, { ...shared, credentials });
  const imaging = await composeImages(config, shared);
  const onOrphan = (): void => {
    gc.orphans.suspect();
  };
  const beside = await composeBeside(config, { ...shared, images: imaging.images, onOrphan, isUntouched });
  const putter = new ContentPutter({ inactivityMs: config.artifacts.inactivityTimeout });
  const journal = await RunJournal.open(config.stateDir);
  const capacity = liveLog.isUsable ? config.capacity : 0;
  const runs = { journal, directory: runsDirectory, isRecovering: (name: string) => recovery.isUnderWay(name) };
  // Images before caches: what is fetched again costs the next task less than what is built again.
  const sources = [imaging.garbage, caching.caches];
  const probe = new WriteProbe([runsDirectory, config.stateDir], log);
  const gc = composeGarbageCollection(config, { ...shared, capacity, runs, sources, beside, lock: locks.engine });
  const services = { ...shared, ...caching, ...beside, saving: { engine, now } };
  const deps: RunServices = {
    ...shared,
    queue,
    images: imaging.images,
    admission: admission(config, { ...services, devices: devices.manager }),
    containerDefaults: containerDefaults(config),
    journal,
    publisher: new TaskLogPublisher(liveLog.server, now),
    putter,
    lifecycle,
    worker: { ...facts, settings: await composeMetadata({ ...options, engine }) },
    now,
    onOrphan,
    ...ofEachRun(config, runsDirectory, log),
  };
  const recovery = await Recovery.find({ ...deps, removeTree, stateDir: config.stateDir });
  const worker = new Worker({
    queue,
    ...(await composePool(config, { host, credentials, log })),
    ...claiming({ probe, gc, devices, caching, recovery, deps }),
    capacity,
    pollIntervalMs: config.taskQueue.pollInterval,
    log,
    host,
    credentials,
    lifecycle,
    metrics,
    close: async () => {
      await gc.janitor.stop();
      await liveLog.server?.close(READERS_GRACE_MS);
      putter.close();
      await beside.close();
      await caching.close();
      await imaging.close();
      await removeIfEmpty(runsDirectory);
      await locks.release();
      await watch.close();
    },
    shutdown: shutdownSettings(config),
  });
  const endings = composeEndings({ liveLog, interactive: beside.interactive, credentials, host });
  watch.follow(worker, liveLog.isUsable ? undefined : UNUSABLE, { endings, features: deps.admission.features });
  return worker;
}

interface Claiming {
  readonly probe: WriteProbe;
  readonly gc: GarbageCollection;
  readonly devices: WorkerDevices;
  readonly caching: WorkerCaches;
  readonly recovery: Recovery;
  readonly deps: RunServices;
}

/** What is looked at before a claim, and what happens to it. */
function claiming({
  probe,
  gc,
  devices,
  caching,
  recovery,
  deps,
}: Claiming): Pick<
  WorkerOptions,
  'checkReady' | 'roomFor' | 'roomFreed' | 'onClaimed' | 'rediscover' | 'recover' | 'run'
> {
  return {
    checkReady: (signal) => gc.orphans.checkReady(signal),
    roomFor: async (tasks, signal) => {
      if (!(await probe.canWrite())) return 'no-disk';
      const byDevices = await devices.manager.roomFor(tasks);
      if (byDevices === 0) return 'no-devices';
      const byDisk = await gc.room.roomFor(byDevices, signal);
      return byDisk === 0 ? 'no-disk' : byDisk;
    },
    roomFreed: devices.freed,
    onClaimed: (claims) => {
      try {
        deps.journal.noteClaims(claims);
      } catch (error) {
        deps.log.error('journal could not be written', { error });
      }
    },
    rediscover: () => devices.rediscover(),
    recover: async (signal) => {
      // What containers of dead runs had mounted goes after them.
      const tidied = gc.orphans.remove(signal).then(() => caching.begin());
      const collecting = tidied.then(() => {
        gc.janitor.start();
      });
      await Promise.all([recovery.run(signal), collecting]);
    },
    run: (claim, stop) => {
      caching.noteClockSkew(claim.clockSkewMs);
      return gc.room.track(devices.track(claim, runClaim(deps, claim, stop)));
    },
  };
}

/** Fails with a ConfigError when there is no place for the worker's files; returns the one for its runs. */
async function takeDirectories({ dockerVolume, stateDir, workerId }: Config): Promise<string> {
  const runsDirectory = join(dockerVolume, 'tmp', 'docker-worker-runs', workerId);
  await ensureWritableDirectory('dockerVolume', runsDirectory);
  await ensureWritableDirectory('stateDir', stateDir);
  return runsDirectory;
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function composeMetrics(config: Config, output: MetricsOutput): LifecycleEvents {
  const { provisionerId, workerType, workerId, region, instanceType } = config;
  return new LifecycleEvents(output, {
    workerPoolId: `${provisionerId}/${workerType}`,
    workerId,
    region,
    instanceType,
  });
}

function admission(config: Config, services: Parameters<typeof createFeatures>[1]): RunServices['admission'] {
  return {
    validatePayload: payloadValidator(config.maxTaskRunTime, Object.keys(config.sidecars)),
    features: createFeatures(config, services),
    isEnabled: (feature) => config.features[feature]?.enabled ?? false,
  };
}

function shutdownSettings({ capacity, shutdown }: Config): WorkerOptions['shutdown'] {
  const { enabled, afterIdleSeconds, gracePeriodSeconds, nodeTerminationPoll } = shutdown;
  // Who configures that nothing is claimed wants to look at the machine. One that can claim nothing is of no use.
  const endsWhenIdle = enabled && afterIdleSeconds > 0 && capacity > 0;
  return {
    afterIdleMs: endsWhenIdle ? afterIdleSeconds * 1000 : undefined,
    gracePeriodMs: gracePeriodSeconds === undefined ? undefined : gracePeriodSeconds * 1000,
    terminationPollMs: nodeTerminationPoll,
  };
}

/** What every run of a deployment lacks is said once, not for every poll of every run. */
function warnOnce(log: Logger): RunServices['reclaiming']['onPollRefused'] {
  let isTold = false;
  return (error) => {
    if (!isTold) log.warn('status of tasks refused', { error });
    isTold = true;
  };
}

function ofEachRun(
  { artifacts, task }: Config,
  runsDirectory: string,
  log: Logger,
): Pick<RunServices, 'reclaiming' | 'settings'> {
  const settings = {
    runsDirectory,
    artifactConcurrency: artifacts.concurrency,
    artifactStorage: artifacts.storageType,
    maxUploadMs: artifacts.maxUploadSeconds * 1000,
    maxLogBytes: task.maxLogBytes,
  };
  const reclaiming = {
    reclaimDivisor: task.reclaimDivisor,
    cancelPollIntervalMs: task.cancelPollInterval,
    onPollRefused: warnOnce(log),
  };
  return { settings, reclaiming };
}

function containerDefaults({ task }: Config): ContainerDefaults {
  const { logDriver, memory, memorySwap, cpus, pidsLimit, ulimits } = task.container;
  const limits: ContainerLimits = {
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(memorySwap !== undefined && { memorySwapBytes: memorySwap }),
    ...(cpus !== undefined && { cpus }),
    ...(pidsLimit !== undefined && { pids: pidsLimit }),
    ...(ulimits && { ulimits }),
  };
  const driver: ContainerSpec['logDriver'] = { type: logDriver, options: LOG_DRIVER_OPTIONS[logDriver] };
  return { logDriver: driver, limits };
}

function workerFacts(config: Config, version: string): WorkerFacts {
  const { provisionerId, workerType, workerGroup, workerId, workerNodeType } = config;
  const { instanceId, instanceType, region, publicIp, privateIp, rootUrl, host, workerLocation } = config;
  const identity = { provisionerId, workerType, workerGroup, workerId, workerNodeType };
  const machine = { instanceId, instanceType, region, publicIp, privateIp, hostname: host, workerLocation };
  return { ...identity, ...machine, rootUrl, version };
}
