import { readFile } from 'node:fs/promises';
import os from 'node:os';
import got, { RequestError } from 'got';
import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';
import { ServiceError, isRetryable } from '../outcome/service-error.js';
import { errorMessage } from '../util/error-message.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import type { Host } from './host.js';
import { mergeConfig } from './pool-config.js';
import type { PlacePoolFiles } from './pool-files.js';
import { poolSecrets } from './pool-secrets.js';
import type { WorkerManager } from './worker-manager.js';

export interface PacketHostOptions {
  readonly workerManager: Pick<WorkerManager, 'secret'>;
  readonly placeFiles: PlacePoolFiles;
  /** Called for a secret that can't be fetched. */
  readonly onProblem: (problem: string) => void;
  /** Powers off the machine. */
  readonly powerOff: () => Promise<void>;
  readonly metadataUrl?: string;
  /** The file with the user data that the machine was ordered with. */
  readonly userDataFile?: string;
  readonly retries?: RetryPolicy;
  readonly machineUptimeSeconds?: () => number;
}

const METADATA_URL = 'https://metadata.packet.net/metadata';
const USER_DATA_FILE = '/var/lib/cloud/instance/user-data.txt';
const IDLE_SECONDS = 60 * 60;
const TIMEOUT_MS = 10_000;
const RETRIES: RetryPolicy = { attempts: 10, firstDelayMs: 1000, maxDelayMs: 60_000, randomization: 0.25 };

/** A machine of packet.net (later Equinix Metal): billed by the hour, never taken away. */
export class PacketHost implements Host {
  readonly name = 'packet';
  readonly #options: PacketHostOptions;

  constructor(options: PacketHostOptions) {
    this.#options = options;
  }

  async configure(): Promise<ConfigTree> {
    const [facts, userData] = await Promise.all([this.#facts(), this.#userData()]);
    const shutdown = { enabled: true, afterIdleSeconds: IDLE_SECONDS };
    // packet.net's machines have no certificate.
    const config = mergeConfig(facts, userData, { shutdown, logging: { secureLiveLogging: false } });
    const { retries = RETRIES } = this.#options;
    return mergeConfig(config, ...(await poolSecrets({ ...this.#options, retries }, config, ['worker-type'])));
  }

  terminationNotices(): Promise<void> {
    return Promise.resolve();
  }

  uptimeSeconds(): Promise<number> {
    return Promise.resolve((this.#options.machineUptimeSeconds ?? os.uptime)());
  }

  async shutdown(): Promise<void> {
    await this.#options.powerOff();
  }

  async #facts(): Promise<ConfigTree> {
    const { metadataUrl: url = METADATA_URL, retries = RETRIES } = this.#options;
    const read = async (): Promise<unknown> => {
      try {
        return await got(url, { timeout: { request: TIMEOUT_MS }, retry: { limit: 0 } }).json();
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        throw new ServiceError('instance metadata', error.message, error.response?.statusCode, { cause: error });
      }
    };
    let metadata: unknown;
    try {
      metadata = await retry(retries, { isRetryable }, read, new AbortController().signal);
    } catch (error) {
      const why = errorMessage(error);
      throw new ConfigError([`host packet: the metadata at ${url} cannot be read: ${why}`], { cause: error });
    }
    if (!isTree(metadata)) throw new ConfigError([`host packet: the metadata at ${url} is not a map`]);
    return factsOf(metadata);
  }

  async #userData(): Promise<ConfigTree> {
    const { userDataFile = USER_DATA_FILE } = this.#options;
    try {
      return parsePacketUserData(await readFile(userDataFile, 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return {};
      if (code === undefined) throw error;
      throw new ConfigError([`host packet: ${userDataFile} can't be read (${code})`], { cause: error });
    }
  }
}

/** Parses the lines `#key=value` of a script whose other lines are for cloud-init. Throws a ConfigError. */
export function parsePacketUserData(text: string): ConfigTree {
  const found = new Map<string, string>();
  for (const [, key = '', value = ''] of text.matchAll(/^#[ \t]*(\w+)=(.*)$/gm)) found.set(key, value.trim());
  const {
    clientId,
    accessToken,
    certificate,
    taskclusterRootUrl,
    provisionerId,
    workerType,
    capacity,
    allowPrivileged,
  } = Object.fromEntries(found) as Readonly<Record<string, string | undefined>>;
  const credentials = given({ clientId, accessToken, certificate });
  return given({
    rootUrl: taskclusterRootUrl,
    provisionerId,
    workerType,
    // A value that is not a number or boolean stays unchanged, so that the configuration's validation reports it.
    capacity: capacity !== undefined && /^\d+$/.test(capacity) ? Number(capacity) : capacity,
    taskcluster: Object.keys(credentials).length > 0 ? credentials : undefined,
    dockerConfig:
      allowPrivileged === undefined
        ? undefined
        : { allowPrivileged: { true: true, false: false }[allowPrivileged] ?? allowPrivileged },
  });
}

function factsOf({ hostname, id, plan, facility, network }: ConfigTree): ConfigTree {
  const { addresses } = isTree(network) ? network : {};
  const all: readonly ConfigTree[] = Array.isArray(addresses) ? addresses.filter(isTree) : [];
  const addressOf = (isPublic: boolean): unknown =>
    all.find((address) => address['address_family'] === 4 && address['public'] === isPublic)?.['address'];
  return given({
    host: hostname,
    workerId: id,
    instanceId: id,
    workerGroup: facility,
    region: facility,
    workerNodeType: 'packet.net',
    instanceType: plan,
    publicIp: addressOf(true),
    privateIp: addressOf(false),
  });
}

function given(values: ConfigTree): ConfigTree {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}
