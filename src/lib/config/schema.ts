/** A JSON schema; `description` names the expected value in error messages. */
interface Schema {
  readonly type: string | readonly string[];
  readonly description: string;
  readonly [keyword: string]: unknown;
}

type Properties = Readonly<Record<string, Schema>>;

const text: Schema = { type: 'string', minLength: 1, description: 'a string' };
const anyText: Schema = { type: 'string', description: 'a string' };
const flag: Schema = { type: 'boolean', description: 'true or false' };
const toggle = section({ enabled: flag });
const textList = listOf(text, 'a list of strings');
const milliseconds = wholeNumber(0, 'a whole number of milliseconds');
const interval = wholeNumber(1, 'a whole number of milliseconds, at least 1');
const seconds = wholeNumber(0, 'a whole number of seconds');
const bytes = wholeNumber(0, 'a whole number of bytes');
const port = wholeNumber(1, 'a port number', 65_535);
const portOrAny = wholeNumber(0, 'a port number, or 0 for any', 65_535);
const path = matching('^[^\\0]+$', 'a path');

const identity = {
  // The queue's own limits: pool ids are <provisionerId>/<workerType>.
  provisionerId: matching('^[a-zA-Z0-9-_]{1,38}$', '1 to 38 letters, digits, - or _'),
  workerType: matching(
    '^[a-z]([-a-z0-9]{0,36}[a-z0-9])?$',
    '1 to 38 lower case letters, digits or -, starting with a letter',
  ),
  workerGroup: matching('^[a-zA-Z0-9-_]{1,38}$', '1 to 38 letters, digits, - or _'),
  workerId: matching('^[a-zA-Z0-9-_]{1,38}$', '1 to 38 letters, digits, - or _'),
  workerNodeType: text,
};

const machine = {
  host: text,
  publicIp: text,
  privateIp: text,
  instanceId: text,
  instanceType: text,
  region: text,
  workerLocation: text,
};

const container = section(
  { logDriver: oneOf('auto', 'none', 'local') },
  {
    memory: wholeNumber(6 * 1024 * 1024, 'a whole number of bytes, at least 6 MiB (the minimum of docker)'),
    memorySwap: wholeNumber(-1, 'a whole number of bytes, or -1 for no limit'),
    cpus: { type: 'number', exclusiveMinimum: 0, description: 'a number of cores above 0' },
    pidsLimit: wholeNumber(1, 'a whole number, at least 1'),
    ulimits: listOf(
      section({ name: text, soft: wholeNumber(-1, 'a whole number'), hard: wholeNumber(-1, 'a whole number') }),
      'a list of {name, soft, hard}',
    ),
  },
);

const sidecar = section(
  {
    image: text,
    alias: matching('^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$', 'a host name'),
    port,
  },
  {
    env: mapOf(anyText),
    cmd: listOf(anyText, 'a list of strings'),
    capAdd: textList,
    extraHosts: textList,
    scope: text,
    readyStatus: wholeNumber(100, 'an HTTP status', 599),
    timeout: interval,
    token: text,
  },
);

const engine = {
  dockerConfig: section({
    allowPrivileged: flag,
    allowDisableSeccomp: flag,
    defaultRegistry: text,
    maxAttempts: wholeNumber(1, 'a whole number, at least 1'),
    delayFactor: milliseconds,
    randomizationFactor: { type: 'number', minimum: 0, maximum: 1, description: 'a number from 0 to 1' },
    maxParallelImageLoads: wholeNumber(1, 'a whole number, at least 1'),
  }),
  registries: mapOf(section({ username: text, password: text })),
  dockerVolume: path,
  stateDir: path,
  capacityManagement: section({ diskspaceThreshold: bytes }),
  garbageCollection: section({
    imageExpiration: milliseconds,
    containerExpiration: milliseconds,
    interval,
    wholeMachine: flag,
  }),
};

const service = {
  logging: section({ level: oneOf('debug', 'info', 'warn', 'error'), secureLiveLogging: flag, liveLogPort: portOrAny }),
  ssl: section({ certificate: path, key: path }),
  statelessHostname: section({ domain: text }, { enabled: flag, secret: text }),
  task: section({
    reclaimDivisor: { type: 'number', exclusiveMinimum: 1, description: 'a number above 1' },
    cancelPollInterval: interval,
    maxLogBytes: wholeNumber(1, 'a whole number of bytes, at least 1'),
    engineRestartTimeout: milliseconds,
    networkSubnetPool: matching(
      '^(\\d{1,3}\\.){3}\\d{1,3}/(8|9|1\\d|2[0-8])$',
      'an IPv4 network with a prefix of 8 to 28 bits, such as 172.29.0.0/16',
    ),
    container,
  }),
  taskQueue: section({ pollInterval: interval, callTimeout: interval, claimTimeout: interval }),
  shutdown: section(
    { enabled: flag, afterIdleSeconds: seconds, nodeTerminationPoll: interval },
    { gracePeriodSeconds: seconds, askWorkerManager: flag },
  ),
  watchdog: section({ stallTimeout: milliseconds }),
  alivenessCheckInterval: interval,
  metricsCollection: section({ hostMetricsInterval: interval }),
};

const features = {
  interactive: section({
    ssl: flag,
    port: portOrAny,
    minTime: seconds,
    expirationAfterSession: seconds,
    artifactName: matching('^[\\x20-\\x7e]+/$', 'the prefix of an artifact name, ending with /'),
    busyboxPath: path,
    displayToolsPath: path,
  }),
  artifacts: section({
    skipCompressionExtensions: textList,
    storageType: oneOf('s3', 'object'),
    concurrency: wholeNumber(1, 'a whole number, at least 1'),
    inactivityTimeout: interval,
    maxFileBytes: wholeNumber(1, 'a whole number of bytes, at least 1'),
    maxUploadSeconds: wholeNumber(1, 'a whole number of seconds, at least 1'),
  }),
  taskclusterProxy: section({ maxBodySize: bytes, freePortFallback: flag }),
  dockerSave: section({
    expiration: {
      type: ['integer', 'string'],
      minimum: 1,
      pattern: '^\\d+ (second|minute|hour|day|week)s?$',
      description: 'a duration such as "7 days", or a whole number of milliseconds',
    },
  }),
  dockerWorkerPrivateKey: path,
  ed25519SigningKeyLocation: path,
  dindImage: text,
};

/** The merged configuration as files write it, with every key. Unknown keys are refused at every level. */
export const CONFIG_SCHEMA = section(
  {
    ...identity,
    rootUrl: matching('^https?://[^\\s]+$', 'the http(s) URL of a Taskcluster deployment'),
    taskcluster: section({ clientId: text, accessToken: text }, { certificate: anyText }),
    ...machine,
    capacity: wholeNumber(0, 'a whole number, at least 0'),
    numberOfTasksToRun: wholeNumber(0, 'a whole number, at least 0'),
    restrictCPU: flag,
    deviceManagement: section({
      cpu: toggle,
      loopbackAudio: toggle,
      loopbackVideo: toggle,
      hostSharedMemory: toggle,
      kvm: toggle,
      baseDirectory: path,
    }),
    features: mapOf(toggle),
    ...engine,
    ...service,
    metrics: section({ host: text }, { port }),
    ...features,
    sidecars: mapOf(sidecar),
  },
  {
    maxTaskRunTime: wholeNumber(1, 'a whole number of seconds, at least 1'),
    docker: section({}, { socketPath: path, host: text, port }),
    cache: section({}, { volumeCachePath: path, releaseTimeout: milliseconds, purgeAfterKill: flag }),
    workerTypeMetadata: { type: 'object', description: 'a map' },
  },
);

/** The keys allowed at the top level of a configuration. */
export const CONFIG_KEYS: ReadonlySet<string> = new Set(Object.keys(CONFIG_SCHEMA.properties));

function section(required: Properties, optional: Properties = {}): Schema & { readonly properties: Properties } {
  return {
    type: 'object',
    description: 'a map of settings',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

function mapOf(values: Schema): Schema {
  return { type: 'object', description: 'a map of settings', additionalProperties: values };
}

function listOf(items: Schema, description: string): Schema {
  return { type: 'array', items, description };
}

function wholeNumber(minimum: number, description: string, maximum = Number.MAX_SAFE_INTEGER): Schema {
  return { type: 'integer', minimum, maximum, description };
}

function matching(pattern: string, description: string): Schema {
  return { type: 'string', pattern, description };
}

function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values, description: `one of ${values.join(', ')}` };
}
