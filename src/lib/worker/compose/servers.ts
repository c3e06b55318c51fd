import { randomInt } from 'node:crypto';
import { ContentPutter } from '../../artifacts/put-content.js';
import { ConfigError } from '../../config/config-error.js';
import type { Config } from '../../config/config.js';
import type { ConfigPath } from '../../config/layers.js';
import type { DockerEngine } from '../../docker/engine.js';
import { RunNetworks } from '../../docker/run-networks.js';
import { SubnetPool } from '../../docker/subnet-pool.js';
import { TaskNetworks } from '../../docker/task-networks.js';
import { InteractiveServer } from '../../features/interactive/interactive-server.js';
import { checkBusybox } from '../../features/interactive/interactive.js';
import type { InteractiveOptions } from '../../features/interactive/interactive.js';
import { LiveLogServer } from '../../features/live-log/live-log-server.js';
import { portOf } from '../../features/secret-url-server.js';
import type { SidecarServices } from '../../features/sidecars/sidecar.js';
import type { TaskclusterProxyOptions } from '../../features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../../features/taskcluster-proxy/upstream.js';
import { FixedHost, SignedHost } from '../../host/public-host.js';
import type { PublicHost } from '../../host/public-host.js';
import type { ImageProvider } from '../../images/image-provider.js';
import type { Logger } from '../../log/logger.js';
import { workerLabels } from '../../task/phases/container-spec.js';
import type { RunEntry } from '../../task/run-journal.js';
import type { WorkerFacts } from '../../task/task-context.js';
import { TaskLogPublisher } from '../../task-log/publisher.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { TlsFiles } from '../../util/tls-files.js';
import { isNotSetUp } from '../not-set-up.js';
import type { IsUntouched } from '../not-set-up.js';

interface Parts {
  readonly engine: DockerEngine;
  readonly images: ImageProvider;
  readonly log: Logger;
  readonly facts: WorkerFacts;
  readonly isUntouched: IsUntouched;
  /** The runs of a previous worker, whose addresses have to stay the same. */
  readonly entries: readonly RunEntry[];
}

/** The ports of the addresses of a previous worker's runs; undefined: no run has one there. */
interface PreviousPorts {
  readonly liveLog: number | undefined;
  readonly interactive: number | undefined;
}

function previousPorts(entries: readonly RunEntry[]): PreviousPorts {
  const records = entries.map(({ record }) => record);
  const [liveLog] = records
    .flatMap(({ live }) => (live ? [portOf(live.url)] : []))
    .filter((port) => port !== undefined);
  const [interactive] = records
    .map(({ prepared }) => prepared?.['interactive']?.facts?.['origin'])
    .flatMap((origin) => (typeof origin === 'string' ? [portOf(origin)] : []))
    .filter((port) => port !== undefined);
  return { liveLog, interactive };
}

/** What runs share besides their containers: servers, connections, sidecars, and networks. */
export interface Servers {
  /** Undefined: live logs are not available. */
  readonly liveLog: LiveLogServer | undefined;
  readonly publisher: TaskLogPublisher;
  /** Why this worker must not claim anything; undefined: it may. */
  readonly unusable: string | undefined;
  readonly interactiveServer: InteractiveServer | undefined;
  readonly interactive: InteractiveOptions;
  readonly proxy: TaskclusterProxyOptions;
  readonly sidecars: SidecarServices;
  readonly networks: TaskNetworks;
  /** Uploads artifacts. */
  readonly putter: ContentPutter;
}

/** How long an unused network is kept for the next task: a pending task comes at once. */
const SPARE_NETWORK_MS = 5_000;
// How long a stopping worker still serves readers of live logs; by then each log is also an artifact.
const READERS_GRACE_MS = 10_000;

/** Starts the servers. Throws a ConfigError if tasks could not get what the configuration promises. */
export async function makeServers(config: Config, parts: Parts, resources: ResourceStack): Promise<Servers> {
  const { engine, images } = parts;
  const { taskclusterProxy, features, dockerVolume } = config;
  const { maxBodySize, freePortFallback } = taskclusterProxy;
  if (features['dind']?.enabled === true && dockerVolume.includes(':')) {
    throw new ConfigError([`dockerVolume: ${dockerVolume} has a colon in it, so dind can't mount what is there`]);
  }
  const taskNetworks = makeNetworks(config, parts);
  resources.defer('networks', () => taskNetworks.close());
  const networks = new RunNetworks(taskNetworks);
  const publicHost = makePublicHost(config);
  const previous = previousPorts(parts.entries);
  const interactiveServer = await startInteractive(config, publicHost, { ...parts, previous });
  resources.defer('interactive server', () => interactiveServer?.close());
  const upstream = new Upstream();
  resources.defer('connections of proxies', () => {
    upstream.close();
  });
  const putter = new ContentPutter({ inactivityMs: config.artifacts.inactivityTimeout });
  resources.defer('connections of uploads', () => {
    putter.close();
  });
  const liveLog = await startLiveLog(config, publicHost, { ...parts, previous });
  resources.defer('live log server', () => liveLog?.close(READERS_GRACE_MS));
  const isUsable = liveLog !== undefined || !config.logging.secureLiveLogging;
  return {
    liveLog,
    publisher: new TaskLogPublisher(liveLog, () => new Date()),
    unusable: isUsable ? undefined : 'live logs cannot be served, so nothing is claimed',
    interactiveServer,
    interactive: interactiveOptions(config, interactiveServer),
    proxy: { networks, upstream, maxBodyBytes: maxBodySize, freePortFallback },
    sidecars: { engine, images, networks },
    networks: taskNetworks,
    putter,
  };
}

/** Makes the host name under which live logs and shells are served. */
function makePublicHost({ host, publicIp, statelessHostname }: Config): PublicHost {
  const { enabled, secret, domain } = statelessHostname;
  // The configuration's validation has rejected a missing secret and an address that is not IPv4.
  return enabled && secret !== undefined ? new SignedHost({ ip: publicIp, secret, domain }) : new FixedHost(host);
}

/** Starts the live log server. A worker that can't serve logs by TLS as configured stays up for inspection. */
async function startLiveLog(
  config: Config,
  publicHost: PublicHost,
  { log, previous }: Pick<Parts, 'log'> & { readonly previous: PreviousPorts },
): Promise<LiveLogServer | undefined> {
  const { secureLiveLogging, liveLogPort: port } = config.logging;
  try {
    const tls = secureLiveLogging ? await TlsFiles.read(config.ssl) : undefined;
    return await LiveLogServer.start({ port, preferredPort: previous.liveLog, publicHost, tls, log });
  } catch (error) {
    const { certificate: certificateFile, key: keyFile } = config.ssl;
    log.alert('live logs cannot be served', { error, certificateFile, keyFile, port });
    return undefined;
  }
}

/** Starts the interactive server. Without it, or without busybox, interactive tasks fail; others are not affected. */
async function startInteractive(
  config: Config,
  publicHost: PublicHost,
  { log, isUntouched, previous }: Pick<Parts, 'log' | 'isUntouched'> & { readonly previous: PreviousPorts },
): Promise<InteractiveServer | undefined> {
  if (config.features['interactive']?.enabled !== true) return undefined;
  const notSetUp = (error: unknown, ...keys: readonly ConfigPath[]): boolean =>
    isNotSetUp(error, 'interactive', { log, isUntouched, keys });
  const { ssl, port, busyboxPath } = config.interactive;
  try {
    await checkBusybox(busyboxPath);
  } catch (error) {
    if (!notSetUp(error, ['interactive', 'busyboxPath'])) log.alert('interactive tasks cannot be run', { error });
  }
  try {
    const tls = ssl ? await TlsFiles.read(config.ssl) : undefined;
    return await InteractiveServer.start({ port, preferredPort: previous.interactive, publicHost, tls, log });
  } catch (error) {
    if (notSetUp(error, ['interactive', 'ssl'], ['ssl', 'certificate'], ['ssl', 'key'])) return undefined;
    const { certificate: certificateFile, key: keyFile } = config.ssl;
    log.alert('interactive sessions cannot be served', { error, ...(ssl && { certificateFile, keyFile }), port });
    return undefined;
  }
}

/** Returns the settings of interactive sessions; without a server there are none. */
export function interactiveOptions({ interactive }: Config, server: InteractiveServer | undefined): InteractiveOptions {
  const { artifactName, busyboxPath, displayToolsPath, minTime, expirationAfterSession } = interactive;
  return {
    server,
    artifactName,
    busyboxPath,
    displayToolsPath,
    minTimeSeconds: minTime,
    expirationAfterSessionSeconds: expirationAfterSession,
    now: () => new Date(),
  };
}

function makeNetworks({ task }: Config, { engine, log, facts }: Pick<Parts, 'engine' | 'log' | 'facts'>): TaskNetworks {
  return new TaskNetworks({
    engine,
    pool: new SubnetPool(task.networkSubnetPool, randomInt(2 ** 20)),
    poolName: `task.networkSubnetPool (${task.networkSubnetPool})`,
    labels: workerLabels(facts),
    spareMs: SPARE_NETWORK_MS,
    onLeft: (networkId, error) => {
      log.error('resource not released', { what: 'network', networkId, error });
    },
  });
}
