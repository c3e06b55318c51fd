import os from 'node:os';
import { resolve } from 'node:path';
import { ConfigError } from '../../config/config-error.js';
import type { Config } from '../../config/config.js';
import type { ConfigPath } from '../../config/layers.js';
import { isSecretKey } from '../../config/secret-keys.js';
import { DeviceManager } from '../../devices/device-manager.js';
import { enabledKinds } from '../../devices/enabled-kinds.js';
import { DockerodeEngine } from '../../docker/dockerode-engine.js';
import type { DockerEngine, EngineDescription } from '../../docker/engine.js';
import { readSigningKey, tightening } from '../../features/chain-of-trust/signing-key.js';
import { readDecryptionKeys } from '../../features/encrypted-env/private-keys.js';
import type { Logger } from '../../log/logger.js';
import { CredentialHolder } from '../../queue/credential-holder.js';
import type { CredentialSource } from '../../queue/queue-client.js';
import { TaskclusterQueue } from '../../queue/taskcluster-queue.js';
import { withTimeout } from '../../util/abortable.js';
import { AutoResetEvent } from '../../util/auto-reset-event.js';
import { errorMessage } from '../../util/error-message.js';
import { startOf } from '../../util/shorten.js';
import { checkMachine, joined } from '../check-machine.js';
import type { Findings, Surroundings } from '../check-machine.js';
import { isNotSetUp } from '../not-set-up.js';
import type { IsUntouched } from '../not-set-up.js';

const CHECK_TIMEOUT_MS = 15_000;

/** Returns everything that would keep the worker, or something that tasks may ask for, from working now. */
export async function checkWorker(config: Config, log: Logger, surroundings: Surroundings): Promise<Findings> {
  const services = checkServices(config, log).then((problems) => ({ problems, warnings: [] }));
  return joined(await Promise.all([checkMachine(config, surroundings), services]));
}

/** Returns the problems with docker and the queue; none if both answer and no scope is missing. */
async function checkServices(config: Config, log: Logger): Promise<readonly string[]> {
  const engine = new DockerodeEngine(config.docker);
  const queue = makeQueue(config, new CredentialHolder(config.taskcluster), log);
  const reachDocker = async (): Promise<readonly string[]> => {
    await withTimeout('docker ping', CHECK_TIMEOUT_MS, (signal) => engine.ping(signal));
    return [];
  };
  const reachQueue = async (): Promise<readonly string[]> => {
    const missing = await withTimeout('auth.currentScopes', CHECK_TIMEOUT_MS, (signal) => queue.missingScopes(signal));
    return missing.map((scope) => `queue: the credentials lack the scope ${scope}`);
  };
  const results = await Promise.all(
    Object.entries({ docker: reachDocker, queue: reachQueue }).map(async ([service, reach]) => {
      try {
        return await reach();
      } catch (error) {
        log.debug('check failed', { service, error });
        return [`${service}: ${errorMessage(error)}`];
      }
    }),
  );
  return results.flat();
}

/** Makes the client with which the worker claims from the queue, with its own credentials. */
export function makeQueue(config: Config, credentials: CredentialSource, log: Logger): TaskclusterQueue {
  const { rootUrl, provisionerId, workerType, workerGroup, workerId, taskQueue } = config;
  return new TaskclusterQueue({
    rootUrl,
    credentials,
    provisionerId,
    workerType,
    workerGroup,
    workerId,
    callTimeoutMs: taskQueue.callTimeout,
    claimTimeoutMs: taskQueue.claimTimeout,
    uploadInactivityMs: config.artifacts.inactivityTimeout,
    onBadClaim: (error) => {
      log.alert('claim not understood', { error });
    },
  });
}

/**
 * Logs at the start, rather than when a task first needs one, which keys of enabled features can't be used. Never
 * fails, and nothing waits for it: the features read their keys themselves, for each task, and other tasks need none.
 */
export async function reportUnusableKeys(config: Config, log: Logger, isUntouched: IsUntouched): Promise<void> {
  const { features, ed25519SigningKeyLocation, dockerWorkerPrivateKey } = config;
  const isExpected = (error: unknown, feature: string, key: ConfigPath): boolean =>
    isNotSetUp(error, feature, { log, isUntouched, keys: [key] });
  if (features['chainOfTrust']?.enabled === true) {
    await readSigningKey(ed25519SigningKeyLocation, tightening(log)).catch((error: unknown) => {
      if (isExpected(error, 'chainOfTrust', ['ed25519SigningKeyLocation'])) return;
      log.warn('chain of trust key not usable', { error });
    });
  }
  if (features['encryptedEnv']?.enabled === true) {
    await readDecryptionKeys(dockerWorkerPrivateKey).catch((error: unknown) => {
      if (isExpected(error, 'encryptedEnv', ['dockerWorkerPrivateKey'])) return;
      log.warn('encrypted env key not usable', { error });
    });
  }
}

export interface WorkerDevices {
  readonly manager: DeviceManager;
  /** Set whenever there may be devices for more tasks. */
  readonly freed: AutoResetEvent;
}

/** Makes the devices that the configuration gives to tasks. Throws a ConfigError if docker can't mount them. */
export async function makeDevices(config: Config, log: Logger, isUntouched: IsUntouched): Promise<WorkerDevices> {
  const base = resolve(config.deviceManagement.baseDirectory);
  if (base.includes(':')) {
    const problem = `${base} has a colon in it, so docker can't mount what is there`;
    throw new ConfigError([`deviceManagement.baseDirectory: ${problem}`]);
  }
  const freed = new AutoResetEvent();
  const manager = await DeviceManager.start({
    kinds: enabledKinds(config),
    mayLack: (kind) => isUntouched(['deviceManagement', kind, 'enabled']),
    forEveryTask: config.restrictCPU ? ['cpu'] : [],
    onFreed: () => {
      freed.call();
    },
    log,
  });
  return { manager, freed };
}

export interface MetadataOptions {
  readonly config: Config;
  readonly version: string;
  readonly nodeVersion?: string | undefined;
  /** Credentials that must not appear anywhere. */
  readonly secrets?: readonly string[] | undefined;
  readonly engine: Pick<DockerEngine, 'describe'>;
  readonly log: Logger;
}

const DESCRIPTION_TIMEOUT_MS = 5000;
/** Longer metadata would bury the log. */
const MAX_METADATA_LENGTH = 16 * 1024;

/** Returns the metadata of the pool and this worker for the top of each task's log, as JSON; undefined: none. */
export async function makeMetadata(options: MetadataOptions): Promise<string | undefined> {
  const { config, version, nodeVersion, secrets = [] } = options;
  const { workerTypeMetadata, capacity } = config;
  if (workerTypeMetadata === undefined || Object.keys(workerTypeMetadata).length === 0) return undefined;
  const engine = await describeEngine(options);
  const own = { version, node: nodeVersion, docker: engine?.version, storageDriver: engine?.storageDriver };
  const all = { ...workerTypeMetadata, 'docker-worker': { ...own, kernel: os.release(), capacity } };
  const text = JSON.stringify(all, (key, value: unknown) => (isSecret(key, value, secrets) ? '***' : value), 2);
  return text.length <= MAX_METADATA_LENGTH ? text : `${startOf(text, MAX_METADATA_LENGTH)}\n… (cut at 16 KiB)`;
}

/** Tells whether a value must be masked: the log is public, and the metadata's source also holds secrets. */
function isSecret(key: string, value: unknown, secrets: readonly string[]): boolean {
  if (typeof value !== 'string') return false;
  return isSecretKey(['workerTypeMetadata', key]) || secrets.some((secret) => value.includes(secret));
}

async function describeEngine({ engine, log }: MetadataOptions): Promise<EngineDescription | undefined> {
  try {
    return await withTimeout('docker info', DESCRIPTION_TIMEOUT_MS, (signal) => engine.describe(signal));
  } catch (error) {
    log.warn('engine not described', { error: errorMessage(error) });
    return undefined;
  }
}
