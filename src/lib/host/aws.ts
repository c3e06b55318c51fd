import os from 'node:os';
import { ConfigError } from '../config/config-error.js';
import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import { delay } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import type { ErrorReport, Host, TerminationNotice } from './host.js';
import { HostError } from './host.js';
import { InstanceMetadata } from './instance-metadata.js';
import { mergeConfig, poolConfig } from './pool-config.js';
import type { PlacePoolFiles } from './pool-files.js';
import { poolSecrets } from './pool-secrets.js';
import { parseUserData } from './user-data.js';
import type { UserData } from './user-data.js';
import type { WorkerManager } from './worker-manager.js';
import { WorkerRegistration } from './worker-registration.js';

export interface AwsHostOptions {
  readonly workerManager: WorkerManager;
  /** Powers off the machine. */
  readonly powerOff: () => Promise<void>;
  readonly placeFiles: PlacePoolFiles;
  /** Called with problems that the operator may want to know but that are not fatal. */
  readonly onProblem: (problem: string) => void;
  /** The URL of the metadata service, without a path. */
  readonly metadataUrl?: string;
  /** The file that keeps the registration across restarts. */
  readonly registrationFile?: string;
  readonly retries?: RetryPolicy;
  readonly machineUptimeSeconds?: () => number;
}

const METADATA_URL = 'http://169.254.169.254';
const REGISTRATION_FILE = '/var/lib/docker-worker/registration.json';
// Four minutes in total: the instance may boot faster than its network, or during an outage of the deployment.
const RETRIES: RetryPolicy = { attempts: 10, firstDelayMs: 1000, maxDelayMs: 60_000, randomization: 0.25 };
const IDLE_SECONDS = 15 * 60;
const NEVER = new AbortController().signal;

/** An EC2 instance: configured by its metadata, user data and secrets; shut down when idle or reclaimed by AWS. */
export class AwsHost implements Host {
  readonly name = 'aws';
  readonly #options: AwsHostOptions;
  readonly #metadata: InstanceMetadata;
  readonly #retries: RetryPolicy;
  #registration: WorkerRegistration | undefined;
  #hasLostCredentials = false;

  constructor(options: AwsHostOptions) {
    this.#options = options;
    this.#metadata = new InstanceMetadata(options.metadataUrl ?? METADATA_URL);
    this.#retries = options.retries ?? RETRIES;
  }

  get isManaged(): boolean {
    return this.#registration !== undefined;
  }

  async configure(): Promise<ConfigTree> {
    const [facts, userData] = await Promise.all([this.#facts(), this.#userData()]);
    const defaults = { shutdown: { enabled: true, afterIdleSeconds: IDLE_SECONDS } };
    const provided =
      userData.kind === 'static' ? userData.config : await this.#register(userData, String(facts['workerId']));
    const config = mergeConfig(defaults, facts, provided);
    const secrets = { ...this.#options, retries: this.#retries };
    return mergeConfig(config, ...(await poolSecrets(secrets, config, ['worker-type', 'worker-pool'])));
  }

  async terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    let isReachable = true;
    for (;;) {
      if (this.#hasLostCredentials) onNotice({ reason: 'the credentials cannot be renewed', finishTasks: true });
      try {
        const reason = await this.#spotNotice(signal);
        if (reason !== undefined) {
          onNotice({ reason, finishTasks: false });
          return;
        }
        isReachable = true;
      } catch (error) {
        signal.throwIfAborted();
        if (isReachable) this.#options.onProblem(`termination notices cannot be read: ${errorMessage(error)}`);
        isReachable = false;
      }
      await delay(pollIntervalMs, signal);
    }
  }

  async credentialRenewals(onRenewed: (credentials: Credentials) => void, signal: AbortSignal): Promise<void> {
    try {
      await this.#registration?.renew(onRenewed, signal);
    } catch (error) {
      // Without credentials the worker can't claim any more; its runs have their own credentials.
      if (!signal.aborted) this.#hasLostCredentials = true;
      throw error;
    }
  }

  async reportError(report: ErrorReport): Promise<void> {
    await this.#registration?.report(report);
  }

  uptimeSeconds(): Promise<number> {
    return Promise.resolve((this.#options.machineUptimeSeconds ?? os.uptime)());
  }

  async shutdown(): Promise<void> {
    try {
      await this.#registration?.end();
    } catch (error) {
      // worker-manager will notice that the instance is gone.
      this.#options.onProblem(errorMessage(error));
    }
    await this.#options.powerOff();
  }

  async #facts(): Promise<ConfigTree> {
    const [hostname, publicIp, privateIp, instanceId, zone, instanceType] = await Promise.all(
      [
        'public-hostname',
        'public-ipv4',
        'local-ipv4',
        'instance-id',
        'placement/availability-zone',
        'instance-type',
      ].map((name) => this.#read(`/meta-data/${name}`)),
    );
    if (!instanceId || !zone || !instanceType) {
      throw new ConfigError([
        `host aws: the instance metadata service has no instance-id, availability-zone or instance-type`,
      ]);
    }
    const region = zone.replace(/[a-z]$/, '');
    // Instances in private networks have no public address, and a name only if DNS is enabled.
    const address = publicIp || privateIp;
    const host = hostname || address;
    return {
      ...(host && { host }),
      ...(address && { publicIp: address }),
      ...(privateIp && { privateIp }),
      workerId: instanceId,
      instanceId,
      workerGroup: region,
      region,
      workerNodeType: instanceType,
      instanceType,
      workerLocation: JSON.stringify({ cloud: 'aws', region, availabilityZone: zone }),
    };
  }

  async #userData(): Promise<UserData> {
    return parseUserData((await this.#read('/user-data')) ?? '');
  }

  async #register(
    { rootUrl, workerPoolId, providerId, workerGroup, workerConfig }: UserData & { readonly kind: 'worker-manager' },
    workerId: string,
  ): Promise<ConfigTree> {
    const { workerManager, onProblem, registrationFile: file = REGISTRATION_FILE } = this.#options;
    const worker = { rootUrl, workerPoolId, providerId, workerGroup, workerId };
    const options = { workerManager, onProblem, file, retries: this.#retries };
    const registration = await WorkerRegistration.begin(options, worker, () => this.#identityProof());
    this.#registration = registration;
    const [provisionerId, workerType] = workerPoolId.split('/');
    const given = Object.keys(registration.workerConfig).length > 0 ? registration.workerConfig : workerConfig;
    const identity = { rootUrl, provisionerId, workerType, workerGroup };
    const { config, files } = poolConfig(given);
    await this.#options.placeFiles(files);
    return mergeConfig(config, identity, { taskcluster: { ...registration.access.credentials } });
  }

  async #identityProof(): Promise<{ readonly document: string; readonly signature: string }> {
    const [document, signature] = await Promise.all(
      ['document', 'signature'].map((name) => this.#read(`/dynamic/instance-identity/${name}`)),
    );
    if (document && signature) return { document, signature };
    throw new HostError('the instance metadata service has no identity document to register with');
  }

  /** Reads metadata. Throws a ConfigError, not a HostError: a machine without the service must not be shut down. */
  async #read(path: string): Promise<string | undefined> {
    try {
      return await retry(this.#retries, { isRetryable: () => true }, () => this.#metadata.get(path, NEVER), NEVER);
    } catch (error) {
      const why = errorMessage(error);
      throw new ConfigError([`host aws: the instance metadata service does not answer ${path}: ${why}`], {
        cause: error,
      });
    }
  }

  /** Returns the notice as text; undefined: the instance stays. */
  async #spotNotice(signal: AbortSignal): Promise<string | undefined> {
    const [action, time] = await Promise.all(
      ['instance-action', 'termination-time'].map((name) => this.#metadata.get(`/meta-data/spot/${name}`, signal)),
    );
    if (action === undefined && time === undefined) return undefined;
    return `spot: ${action ?? `terminate at ${time ?? ''}`}`;
  }
}
