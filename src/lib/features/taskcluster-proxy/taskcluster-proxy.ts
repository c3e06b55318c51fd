import type { NetworkShare, RunNetworks } from '../../docker/run-networks.js';
import { RequestSigner } from '../../queue/request-signer.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { schemaAssertion } from '../../util/own-schema.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature } from '../../task/feature.js';
import { rejoinNetwork } from '../rejoin-network.js';
import { reacquire } from '../reacquire.js';
import { ProxyRequests } from './proxy-requests.js';
import { ProxyServer } from './proxy-server.js';
import type { ProxyServerOptions } from './proxy-server.js';
import type { Upstream } from './upstream.js';

export interface TaskclusterProxyOptions {
  readonly networks: Pick<RunNetworks, 'join' | 'rejoin'>;
  readonly upstream: Pick<Upstream, 'send'>;
  /** The largest request body. */
  readonly maxBodyBytes: number;
  /** Default: 80, the only port with which `http://taskcluster` alone works. */
  readonly port?: number;
  /** Whether a worker that may not listen on that port listens on a free one. Default: false, which ends the run. */
  readonly freePortFallback?: boolean;
  /** Default: `ProxyServer.start`. */
  readonly startServer?: (options: ProxyServerOptions) => Promise<ProxyServer>;
}

interface Facts {
  readonly port: number;
}

const asFacts = schemaAssertion<Facts>(
  {
    type: 'object',
    properties: { port: { type: 'integer', minimum: 1, maximum: 65_535 } },
    required: ['port'],
  },
  'facts',
);

const NAME = 'taskclusterProxy';
const ALIAS = 'taskcluster';
const DEFAULT_PORT = 80;
const ANY_FREE_PORT = 0;

/** Errors of listening that only an operator can fix. */
const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "Another program on the worker's machine listens on this port on all addresses",
  EACCES:
    'The worker may not listen on this port: it must run as root or with CAP_NET_BIND_SERVICE, or be configured to take another port (taskclusterProxy.freePortFallback)',
  EADDRNOTAVAIL: "The worker must run on the Docker engine's machine, in its network namespace",
};

/** Lets a task call Taskcluster with its own scopes and without credentials: the worker signs its requests. */
export function taskclusterProxy(options: TaskclusterProxyOptions): Feature {
  return {
    name: NAME,
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => ({ prepare: (resources, signal) => prepare(task, options, resources, signal) }),
    // The container knows the proxy by the network's gateway, and is known to it by its own address.
    adopt: (task, contribution) => ({
      prepare: async (resources, signal) => {
        const resumed = { task, feature: NAME };
        const rejoining = { ...resumed, networks: options.networks, contribution };
        const network = resources.use('network', await rejoinNetwork(rejoining, signal));
        const { port } = await reacquire(resumed, 'record', () => recordedFacts(contribution, options), signal);
        const start = (): Promise<ProxyServer> => listen(task, network, { ...options, port });
        resources.use('taskcluster proxy', await reacquire(resumed, 'proxy', start, signal));
        return contribution;
      },
    }),
  };
}

async function prepare(
  task: TaskContext,
  options: TaskclusterProxyOptions,
  resources: ResourceStack,
  signal: AbortSignal,
): Promise<Contribution> {
  const network = resources.use('network', await options.networks.join(task, signal));
  try {
    const { port } = resources.use('taskcluster proxy', await listenWherePermitted(task, network, options));
    return {
      network: network.task,
      extraHosts: [`${ALIAS}:${network.gateway}`],
      env: { TASKCLUSTER_PROXY_URL: urlAt(port) },
      facts: { port },
    };
  } catch (error) {
    throw explained(error, task, network, options);
  }
}

function urlAt(port: number): string {
  return port === DEFAULT_PORT ? `http://${ALIAS}` : `http://${ALIAS}:${port}`;
}

/** Returns what `prepare` noted; earlier releases noted nothing, and knew one port only. */
function recordedFacts({ facts }: Contribution, { port = DEFAULT_PORT }: TaskclusterProxyOptions): Facts {
  return facts === undefined ? { port } : asFacts(facts);
}

/** Listens on a free port, and tells the author, if the system denies the usual one and the configuration allows it. */
async function listenWherePermitted(
  task: TaskContext,
  network: NetworkShare,
  options: TaskclusterProxyOptions,
): Promise<ProxyServer> {
  try {
    return await listen(task, network, options);
  } catch (error) {
    const isDenied = (error as NodeJS.ErrnoException).code === 'EACCES';
    if (!isDenied || options.freePortFallback !== true) throw error;
    const proxy = await listen(task, network, { ...options, port: ANY_FREE_PORT });
    task.output.line(fallbackNotice(options.port ?? DEFAULT_PORT, proxy.port));
    return proxy;
  }
}

function fallbackNotice(deniedPort: number, port: number): string {
  return (
    `${NAME}: the worker's user may not listen on port ${deniedPort}, so TASKCLUSTER_PROXY_URL is ${urlAt(port)}. ` +
    `A program that asks ${urlAt(deniedPort)} without reading that variable does not reach the proxy. ` +
    `To permit port ${deniedPort} on this machine, to all its users, run this as root: ` +
    `sysctl -w net.ipv4.ip_unprivileged_port_start=${deniedPort}`
  );
}

const startProxyServer = (options: ProxyServerOptions): Promise<ProxyServer> => ProxyServer.start(options);

/** Throws the system's error if it can't listen. */
async function listen(
  task: TaskContext,
  { id: networkId, gateway: address, task: { address: taskAddress } }: NetworkShare,
  options: TaskclusterProxyOptions,
): Promise<ProxyServer> {
  const { upstream, maxBodyBytes, port = DEFAULT_PORT, startServer = startProxyServer } = options;
  const { taskId, runId, worker, definition, credentials, log } = task;
  const scopes = [...definition.scopes, `queue:create-artifact:${taskId}/${runId}`];
  const signer = new RequestSigner({ credentials, scopes });
  const { rootUrl, version } = worker;
  const requests = new ProxyRequests({ rootUrl, signer, scopes, upstream, version, log, maxBodyBytes });
  const isTask = (source: string): boolean => source === taskAddress;
  const proxy = await startServer({ address, port, isTask, requests, log });
  log.info('taskcluster proxy started', { address, port: proxy.port, networkId });
  return proxy;
}

/** Returns a TaskError for what only an operator can fix, after logging it; otherwise the error itself. */
function explained(
  error: unknown,
  { log }: TaskContext,
  { gateway: address }: NetworkShare,
  { port = DEFAULT_PORT }: TaskclusterProxyOptions,
): unknown {
  const advice = LISTEN_ADVICE[(error as NodeJS.ErrnoException).code ?? ''];
  if (advice === undefined) return error;
  log.error('taskcluster proxy cannot listen', { address, port, error });
  return TaskError.exception(
    'internal-error',
    `the proxy cannot listen: ${errorMessage(error)}. ${advice}. Ask the operator of the worker.`,
    error,
  );
}
