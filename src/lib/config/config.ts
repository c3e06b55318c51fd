/** How to reach the Docker engine. */
export type DockerEndpoint = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Toggle {
  readonly enabled: boolean;
}

export interface TaskclusterCredentials {
  readonly clientId: string;
  readonly accessToken: string;
  /** JSON text; present only with temporary credentials. */
  readonly certificate?: string;
}

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** Limits for every task's container; an absent one is not set. */
export interface ContainerLimits {
  readonly logDriver: 'auto' | 'none' | 'local';
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of memory and swap together; -1: no limit. */
  readonly memorySwap?: number;
  /** Cores; may be fractional. */
  readonly cpus?: number;
  readonly pidsLimit?: number;
  readonly ulimits?: readonly Ulimit[];
}

/** A container started next to the task for a feature of the same name. */
export interface SidecarConfig {
  readonly image: string;
  /** The host name by which the task reaches it. */
  readonly alias: string;
  readonly port: number;
  /** `{{taskId}}` and `{{token}}` are replaced, as in `cmd`. */
  readonly env: Readonly<Record<string, string>>;
  /** Empty: the image's own command. */
  readonly cmd: readonly string[];
  readonly capAdd: readonly string[];
  /** In docker's format: `name:address`. */
  readonly extraHosts: readonly string[];
  /** The scope a task needs to use it, or that scope restricted to the worker's pool; absent: none. */
  readonly scope?: string;
  /** The status of GET / that means ready; absent: an open port is enough. */
  readonly readyStatus?: number;
  /** How long it may take to become ready, including all attempts (ms). */
  readonly timeout: number;
  readonly token?: string;
}

type DeviceKindName = 'cpu' | 'loopbackAudio' | 'loopbackVideo' | 'hostSharedMemory' | 'kvm';

/**
 * The worker's configuration: merged, validated, completed and deep-frozen. The names are those of the configuration
 * files (a contract with every installation); `config.yml` explains them. Durations are in milliseconds unless a
 * comment here says seconds.
 */
export interface Config {
  readonly provisionerId: string;
  readonly workerType: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly workerNodeType: string;
  /** Without a trailing slash. */
  readonly rootUrl: string;
  readonly taskcluster: TaskclusterCredentials;
  readonly host: string;
  readonly publicIp: string;
  readonly privateIp: string;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly region: string;
  /** JSON text. */
  readonly workerLocation: string;
  /** Facts about the machine, for the logs of tasks; absent: nothing is logged. */
  readonly workerTypeMetadata?: Readonly<Record<string, unknown>>;
  /** Tasks at once; 0 claims nothing. With restrictCPU, already the number of cores. */
  readonly capacity: number;
  /** The worker exits after this many tasks, counted across restarts; 0: no limit. */
  readonly numberOfTasksToRun: number;
  readonly restrictCPU: boolean;
  /** Cap on a payload's maxRunTime, in seconds; absent: none. */
  readonly maxTaskRunTime?: number;
  readonly deviceManagement: Readonly<Record<DeviceKindName, Toggle>> & { readonly baseDirectory: string };
  readonly features: Readonly<Record<string, Toggle>>;
  readonly dockerConfig: {
    readonly allowPrivileged: boolean;
    readonly allowDisableSeccomp: boolean;
    readonly defaultRegistry: string;
    readonly maxAttempts: number;
    /** The nth retry of a pull waits 2^(n-1) times this. */
    readonly delayFactor: number;
    readonly randomizationFactor: number;
    readonly maxParallelImageLoads: number;
  };
  /** By `<host>/<user>` or `<host>`. */
  readonly registries: Readonly<Record<string, RegistryCredentials>>;
  readonly docker: DockerEndpoint;
  readonly dockerVolume: string;
  readonly cache: {
    readonly volumeCachePath: string;
    /** How long a run waits for a cache whose run has ended (ms); 0: it does not wait. */
    readonly releaseTimeout: number;
    /** Whether the caches of a task that was stopped or timed out are purged. */
    readonly purgeAfterKill: boolean;
  };
  readonly stateDir: string;
  /** diskspaceThreshold: bytes per free slot. */
  readonly capacityManagement: { readonly diskspaceThreshold: number };
  readonly garbageCollection: {
    readonly imageExpiration: number;
    readonly containerExpiration: number;
    readonly interval: number;
    /** Also collects objects without this worker's labels. */
    readonly wholeMachine: boolean;
  };
  readonly logging: { readonly level: LogLevel; readonly secureLiveLogging: boolean; readonly liveLogPort: number };
  readonly ssl: { readonly certificate: string; readonly key: string };
  /** The secret is set whenever `enabled` is true. */
  readonly statelessHostname: { readonly enabled: boolean; readonly secret?: string; readonly domain: string };
  readonly task: {
    readonly reclaimDivisor: number;
    readonly cancelPollInterval: number;
    readonly maxLogBytes: number;
    /** How long a run waits for a Docker engine that does not answer, in ms. */
    readonly engineRestartTimeout: number;
    /** IPv4 network in CIDR form, divided into one /28 per task that needs a network. */
    readonly networkSubnetPool: string;
    readonly container: ContainerLimits;
  };
  readonly taskQueue: { readonly pollInterval: number; readonly callTimeout: number; readonly claimTimeout: number };
  readonly shutdown: {
    readonly enabled: boolean;
    /** 0: never. */
    readonly afterIdleSeconds: number;
    /** Absent: a graceful stop waits for its tasks without limit. */
    readonly gracePeriodSeconds?: number;
    readonly nodeTerminationPoll: number;
    /** Absent: the host decides. */
    readonly askWorkerManager?: boolean;
  };
  /** stallTimeout 0: no watchdog. */
  readonly watchdog: { readonly stallTimeout: number };
  readonly alivenessCheckInterval: number;
  readonly metricsCollection: { readonly hostMetricsInterval: number };
  /** Absent port: no metrics endpoint. */
  readonly metrics: { readonly host: string; readonly port?: number };
  /** minTime and expirationAfterSession are in seconds. */
  readonly interactive: {
    readonly ssl: boolean;
    /** 0: any free port. */
    readonly port: number;
    readonly minTime: number;
    readonly expirationAfterSession: number;
    readonly artifactName: string;
    readonly busyboxPath: string;
    readonly displayToolsPath: string;
  };
  readonly artifacts: {
    readonly skipCompressionExtensions: readonly string[];
    readonly storageType: 's3' | 'object';
    readonly concurrency: number;
    readonly inactivityTimeout: number;
    /** Before compression. */
    readonly maxFileBytes: number;
    readonly maxUploadSeconds: number;
  };
  /** Bytes. */
  readonly taskclusterProxy: { readonly maxBodySize: number; readonly freePortFallback: boolean };
  readonly dockerSave: { readonly expiration: number };
  readonly dockerWorkerPrivateKey: string;
  readonly ed25519SigningKeyLocation: string;
  readonly sidecars: Readonly<Record<string, SidecarConfig>>;
  readonly dindImage: string;
}
