import type { SidecarConfig } from '../../config/config.js';
import type { RunNetworks } from '../../docker/run-networks.js';
import { orForPool } from '../../queue/scopes.js';
import type { TaskContext } from '../../task/task-context.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature, TaskFeature } from '../../task/feature.js';
import { schemaAssertion } from '../../util/own-schema.js';
import { rejoinNetwork } from '../rejoin-network.js';
import { reacquire } from '../reacquire.js';
import { ReadinessDeadline } from './readiness-deadline.js';
import { portProbe, statusProbe } from './probe.js';
import { SIDE_FACTS, resumeSideContainer, startSideContainer, acquireSideImage } from './side-container.js';
import type { SideContext, SideContainerServices, SideFacts } from './side-container.js';

export interface SidecarServices extends SideContainerServices {
  readonly networks: Pick<RunNetworks, 'join' | 'rejoin'>;
}

interface AdoptableSide extends SideContext {
  readonly services: SidecarServices;
}

interface Facts extends SideFacts {
  /** The container's own address in the network. */
  readonly address: string;
}

const asFacts = schemaAssertion<Facts>(
  {
    type: 'object',
    properties: { ...SIDE_FACTS, address: { type: 'string' } },
    required: ['image', 'container', 'address'],
  },
  'facts',
);

/** Returns a feature for each configured sidecar: a container next to the task's, reachable by its alias. */
export function sidecarFeatures(
  sidecars: Readonly<Record<string, SidecarConfig>>,
  services: SidecarServices,
): readonly Feature[] {
  return Object.entries(sidecars).map(([name, config]) => {
    const { alias, scope } = config;
    const sameAlias = Object.keys(sidecars).filter((other) => other < name && sidecars[other]?.alias === alias);
    return {
      name,
      enabledByDefault: false,
      refusals: ({ features = {} }) =>
        sameAlias
          .filter((other) => features[name] === true && features[other] === true)
          .map((other) => `${other} and ${name} can't be used together: both are called ${alias}`),
      requiredScopes: ({ worker }) => (scope === undefined ? undefined : orForPool(scope, worker)),
      reservedArtifacts: () => [],
      attach: (task) => new TaskSidecar(task, name, config, services),
      adopt: (task, facts) => ({
        prepare: (resources, signal) => resume({ task, feature: name, services, resources }, facts, signal),
      }),
    };
  });
}

/** Takes again what an adopted run had; its sidecar has been ready. */
async function resume(side: AdoptableSide, contribution: Contribution, signal: AbortSignal): Promise<Contribution> {
  const { networks } = side.services;
  const facts = await reacquire(side, 'record', () => asFacts(contribution.facts), signal);
  const rejoining = { ...side, networks, contribution, own: facts.address };
  side.resources.use('network', await rejoinNetwork(rejoining, signal));
  await resumeSideContainer(side, facts, signal);
  return contribution;
}

class TaskSidecar implements TaskFeature {
  readonly #task: TaskContext;
  readonly #name: string;
  readonly #config: SidecarConfig;
  readonly #services: SidecarServices;
  readonly #deadline: ReadinessDeadline;

  constructor(task: TaskContext, name: string, config: SidecarConfig, services: SidecarServices) {
    this.#task = task;
    this.#name = name;
    this.#config = config;
    this.#services = services;
    this.#deadline = new ReadinessDeadline(config.timeout);
  }

  async prepare(resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    const { alias, port, cmd, env, capAdd, extraHosts, readyStatus } = this.#config;
    const task = this.#task;
    const side = { task, feature: this.#name, services: this.#services, resources };
    const image = await acquireSideImage(side, this.#config.image, signal);
    const network = resources.use('network', await this.#services.networks.join(task, signal));
    const place = network.ownPlace();
    const settings = {
      image: image.image.id,
      command: cmd.length > 0 ? cmd.map((word) => this.#substitute(word)) : undefined,
      env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, this.#substitute(value)])),
      capAdd,
      extraHosts,
      network: place,
    };
    const container = await startSideContainer(side, settings, signal);
    const { address } = place;
    const origin = `http://${address}:${port}`;
    const probe = readyStatus === undefined ? portProbe(address, port) : statusProbe(origin, '/', readyStatus);
    await container.untilReady(probe, this.#deadline, signal);
    return {
      network: network.task,
      extraHosts: [`${alias}:${address}`],
      facts: { image: image.facts, container: container.id, address },
    };
  }

  #substitute(text: string): string {
    const values: Readonly<Record<string, string>> = { taskId: this.#task.taskId, token: this.#config.token ?? '' };
    return text.replace(/\{\{(taskId|token)\}\}/g, (_whole, name: string) => values[name] ?? '');
  }
}
