import type { NetworkInspectInfo } from 'dockerode';
import { inBody, labelFilter } from './call-options.js';
import { dockerCall } from './docker-call.js';
import { hasStatus } from './docker-error.js';
import type { Docker } from './dockerode.js';
import { DockerError } from './engine.js';
import type { Labelled, Labels, NetworkSpec } from './engine.js';

const CALL_TIMEOUT_MS = 60_000;
/** Of containers that ask for no other. */
const DEFAULT_NETWORK = 'bridge';

/** The engine's networks, for DockerodeEngine: see DockerEngine for what its methods do. */
export class DockerodeNetworks {
  readonly #docker: Docker;
  #defaultHasIPv6: boolean | undefined;

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  async create(spec: NetworkSpec): Promise<string | undefined> {
    const more = (await this.#hasIPv6()) ? { EnableIPv6: true } : {};
    try {
      return await this.#create(spec, more);
    } catch (error) {
      const { message } = error as Error;
      // Before version 27 an engine had no IPv6 addresses of its own to give to other networks.
      if (more.EnableIPv6 && error instanceof DockerError && /ipv6/i.test(message)) {
        this.#defaultHasIPv6 = false;
        return await this.create(spec);
      }
      if (hasStatus(error, 403) && /overlap/i.test(message)) return undefined;
      throw error;
    }
  }

  async #create({ name, subnet, gateway, labels }: NetworkSpec, more: object): Promise<string> {
    const options = {
      Name: name,
      Driver: 'bridge',
      IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway }] },
      Labels: { ...labels },
      ...more,
    };
    const create = (abortSignal: AbortSignal) => this.#docker.createNetwork({ ...inBody(options), abortSignal });
    return (await dockerCall(`creating a network with the subnet ${subnet}`, CALL_TIMEOUT_MS, create)).id;
  }

  /** Whether tasks that need no network of their own have IPv6; asked once, as it is part of the engine's settings. */
  async #hasIPv6(): Promise<boolean> {
    if (this.#defaultHasIPv6 !== undefined) return this.#defaultHasIPv6;
    const inspect = (): Promise<NetworkInspectInfo> => this.#docker.getNetwork(DEFAULT_NETWORK).inspect();
    try {
      const network: Partial<NetworkInspectInfo> = await dockerCall(
        `inspecting network ${DEFAULT_NETWORK}`,
        CALL_TIMEOUT_MS,
        inspect,
      );
      return (this.#defaultHasIPv6 = network.EnableIPv6 ?? false);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      return (this.#defaultHasIPv6 = false);
    }
  }

  async find(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    const list = async (abortSignal: AbortSignal): Promise<readonly Labelled[]> => {
      const found = await this.#docker.listNetworks({ filters: labelFilter(labels), abortSignal });
      return found.map(({ Id, Labels = {} }) => ({ id: Id, labels: Labels }));
    };
    return await dockerCall('listing networks', CALL_TIMEOUT_MS, list, signal);
  }

  async isIdle(id: string): Promise<boolean> {
    const inspect = (): Promise<NetworkInspectInfo> => this.#docker.getNetwork(id).inspect();
    try {
      const { Containers } = await dockerCall(`inspecting network ${id}`, CALL_TIMEOUT_MS, inspect);
      return Object.keys(Containers ?? {}).length === 0;
    } catch (error) {
      if (hasStatus(error, 404)) return false;
      throw error;
    }
  }

  async remove(id: string): Promise<void> {
    const remove = (abortSignal: AbortSignal): Promise<unknown> => this.#docker.getNetwork(id).remove({ abortSignal });
    try {
      await dockerCall(`removing network ${id}`, CALL_TIMEOUT_MS, remove);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }
}
