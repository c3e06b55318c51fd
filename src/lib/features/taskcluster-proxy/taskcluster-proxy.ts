import type { NetworkShare, RunNetworks } from '../../docker/run-networks.js';
import { RequestSigner } from '../../queue/request-signer.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature } from '../../task/feature.js';
import { ProxyRequests } from './proxy-requests.js';
import { ProxyServer } from './proxy-server.js';
import type { Upstream } from './upstream.js';

export interface TaskclusterProxyOptions {
  readonly networks: Pick<RunNetworks, 'join'>;
  readonly upstream: Pick<Upstream, 'send'>;
  /** The largest request body. */
  readonly maxBodyBytes: number;
  /** Default: 80, the only port that works with tasks' URLs. */
  readonly port?: number;
}

const ALIAS = 'taskcluster';
const DEFAULT_PORT = 80;

/** Errors of listening that only an operator can fix. */
const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "Another program on the worker's machine listens on this port on all addresses",
  EACCES: 'The worker may not listen on this port: it must run as root or with CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: "The worker must run on the Docker engine's machine, in its network namespace",
};

/** Lets a task call Taskcluster with its own scopes and without credentials: the worker signs its requests. */
export function taskclusterProxy(options: TaskclusterProxyOptions): Feature {
  return {
    name: 'taskclusterProxy',
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => ({ prepare: (resources, signal) => prepare(task, options, resources, signal) }),
  };
}

async function prepare(
  task: TaskContext,
  options: TaskclusterProxyOptions,
  resources: ResourceStack,
  signal: AbortSignal,
): Promise<Contribution> {
  const { log } = task;
  const network = resources.use('network', await options.networks.join(task, signal));
  resources.use('taskcluster proxy', await listen(task, network, options));
  const { gateway: address } = network;
  log.info('taskcluster proxy started', { address, networkId: network.id });
  return {
    network: network.task,
    extraHosts: [`${ALIAS}:${address}`],
    env: { TASKCLUSTER_PROXY_URL: `http://${ALIAS}` },
  };
}

async function listen(
  task: TaskContext,
  { gateway: address, task: { address: taskAddress } }: NetworkShare,
  { upstream, maxBodyBytes, port = DEFAULT_PORT }: TaskclusterProxyOptions,
): Promise<ProxyServer> {
  const { taskId, runId, worker, definition, credentials, log } = task;
  const scopes = [...definition.scopes, `queue:create-artifact:${taskId}/${runId}`];
  const signer = new RequestSigner({ credentials, scopes });
  const { rootUrl, version } = worker;
  const requests = new ProxyRequests({ rootUrl, signer, scopes, upstream, version, log, maxBodyBytes });
  try {
    return await ProxyServer.start({
      address,
      port,
      isTask: (source) => source === taskAddress,
      requests,
      log,
    });
  } catch (error) {
    const advice = LISTEN_ADVICE[(error as NodeJS.ErrnoException).code ?? ''];
    if (advice === undefined) throw error;
    log.error('taskcluster proxy cannot listen', { address, port, error });
    throw TaskError.exception(
      'internal-error',
      `the proxy cannot listen: ${errorMessage(error)}. ${advice}. Ask the operator of the worker.`,
      error,
    );
  }
}
