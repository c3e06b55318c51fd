import { isIPv4 } from 'node:net';
import type { Readable } from 'node:stream';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { createOptions } from './create-options.js';
import { DockerClient, SLOW_CALL_TIMEOUT_MS, unlessStatus } from './docker-client.js';
import type { Call, EngineAddress } from './docker-client.js';
import { hasStatus, pullError, startError } from './docker-error.js';
import { DockerodeCreatedContainer } from './dockerode-container.js';
import { foundContainer } from './dockerode-found-container.js';
import { DockerError, LABEL } from './engine.js';
import type {
  ContainerSpec,
  CreatedContainer,
  DockerEngine,
  EngineDescription,
  FoundContainer,
  ImageInfo,
  Labelled,
  Labels,
  LoadedImages,
  NetworkInfo,
  NetworkSpec,
  PullProgress,
  RegistryAuth,
} from './engine.js';
import { linesOf } from './lines-of.js';
import { loadImage } from './load-image.js';
import { replaceByEmptyFile } from './replace-by-empty-file.js';

// The engine writes, or reads, a layer of many gigabytes before it answers.
const COMMIT_TIMEOUT_MS = 900_000;
const PULL_INACTIVITY_MS = 60_000;
/** The network of containers that request no other. */
const DEFAULT_NETWORK = 'bridge';

// A dead container is left by a removal that failed half-way.
const ENDED = new Set(['exited', 'dead']);

interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** The DockerEngine over the engine's HTTP API, on a Unix socket or a host and port. */
export class DockerodeEngine implements DockerEngine {
  readonly #client: DockerClient;
  readonly #anew: DockerClient;
  #defaultHasIPv6: boolean | undefined;
  readonly #pullInactivityMs: number;

  /** `pullInactivityMs`: a pull without a message for this long has failed. */
  constructor(address: EngineAddress, pullInactivityMs = PULL_INACTIVITY_MS) {
    this.#pullInactivityMs = pullInactivityMs;
    this.#client = new DockerClient(address);
    this.#anew = new DockerClient(address, { keepAlive: false });
  }

  async ping(signal: AbortSignal): Promise<void> {
    // A stopping engine still answers on existing connections.
    await this.#anew.ping({ what: 'ping', signal });
  }

  async id(signal: AbortSignal): Promise<string> {
    const { ID, DockerRootDir = '' } = await this.#client.info({ what: 'reading the id of the engine', signal });
    // Older engines read their id from /etc/docker/key.json, which all engines of a machine share.
    return `${ID} ${DockerRootDir}`;
  }

  async describe(signal: AbortSignal): Promise<EngineDescription> {
    const info = await this.#client.info({ what: 'reading the version of the engine', signal });
    const { ServerVersion, Driver, LiveRestoreEnabled = false } = info;
    return { version: ServerVersion, storageDriver: Driver, isLiveRestoring: LiveRestoreEnabled };
  }

  async inspectImage(name: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    return await unlessStatus(this.#client.inspectImage(name, { what: `inspecting image ${name}`, signal }), 404);
  }

  async pullImage(
    name: string,
    auth: RegistryAuth | undefined,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const inactivity = new LinkedAbort(signal);
    const alive = (): void => {
      const silence = `nothing was heard for ${this.#pullInactivityMs / 1000} s`;
      inactivity.abortAfter(this.#pullInactivityMs, () => new DockerError(silence, undefined));
    };
    try {
      alive();
      const pulling = this.#client.pullImage(name, auth, inactivity.signal);
      const stream = await untilAborted(pulling, inactivity.signal);
      await untilAborted(followPull(stream, onProgress, alive), inactivity.signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw pullError(name, inactivity.signal.aborted ? inactivity.signal.reason : error);
    } finally {
      inactivity.abort(new Error('the pull is over'));
    }
  }

  async loadImage(archive: Readable, signal: AbortSignal): Promise<LoadedImages> {
    return await loadImage(this.#client, archive, signal);
  }

  async commitContainer(id: string, name: string, labels: Labels): Promise<void> {
    const call = { what: `making an image of container ${id}` };
    const { Image, Config } = await this.#client.inspectContainer(id, call);
    const { entrypoint } = await this.#client.inspectImage(Image, call);
    const at = name.lastIndexOf(':');
    // Podman accepts no tag within the repository.
    const parts = { repo: name.slice(0, at), tag: name.slice(at + 1) };
    // The engine replaces null by the container's value, and accepts a command only together with an entrypoint.
    const body = { Labels: labels, Entrypoint: [...entrypoint], Cmd: Config.Cmd ?? [] };
    await this.#client.commit(id, parts, body, { ...call, timeoutMs: COMMIT_TIMEOUT_MS });
  }

  async saveImage(name: string, signal: AbortSignal): Promise<Readable> {
    return await this.#client.saveImage(name, { what: `saving image ${name}`, timeoutMs: COMMIT_TIMEOUT_MS, signal });
  }

  async removeImage(name: string): Promise<void> {
    await unlessStatus(this.#client.removeImage(name, slow(`removing image ${name}`)), 404);
  }

  async createContainer(spec: ContainerSpec): Promise<CreatedContainer> {
    const what = 'creating a container';
    const id = await this.#client.createContainer(createOptions(spec), slow(what)).catch((error: unknown) => {
      throw startError(what, error);
    });
    const isMemoryLimited = spec.limits.memoryBytes !== undefined;
    return new DockerodeCreatedContainer({ id, isMemoryLimited, client: this.#client, anew: this.#anew });
  }

  async findContainers(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    return await this.#client.listContainers(labels, { what: 'listing containers', signal });
  }

  async findContainer(id: string, labels: Labels, signal: AbortSignal): Promise<FoundContainer | undefined> {
    const call = { what: `inspecting container ${id}`, signal };
    const inspected = await unlessStatus(this.#client.inspectContainer(id, call), 404);
    // The engine also finds a container that someone has given this name, or a longer id.
    if (inspected?.Id !== id) return undefined;
    return foundContainer(inspected, labels, { client: this.#client, anew: this.#anew });
  }

  async createNetwork(spec: NetworkSpec): Promise<string | undefined> {
    const more = (await this.#hasIPv6()) ? { EnableIPv6: true } : {};
    try {
      return await this.#createNetwork(spec, more);
    } catch (error) {
      const { message } = error as Error;
      // Before version 27 engines had no IPv6 address pool for other networks.
      if (more.EnableIPv6 && error instanceof DockerError && /ipv6/i.test(message)) {
        this.#defaultHasIPv6 = false;
        return await this.createNetwork(spec);
      }
      if (hasStatus(error, 403) && /overlap/i.test(message)) return undefined;
      throw error;
    }
  }

  async #createNetwork({ name, subnet, gateway, labels }: NetworkSpec, more: object): Promise<string> {
    const body = {
      Name: name,
      Driver: 'bridge',
      IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway }] },
      Labels: { ...labels },
      ...more,
    };
    return await this.#client.createNetwork(body, { what: `creating a network with the subnet ${subnet}` });
  }

  /** Returns whether tasks on the default network have IPv6; asked once, since it is one of the engine's settings. */
  async #hasIPv6(): Promise<boolean> {
    if (this.#defaultHasIPv6 !== undefined) return this.#defaultHasIPv6;
    const what = `inspecting network ${DEFAULT_NETWORK}`;
    const network = await unlessStatus(this.#client.inspectNetwork(DEFAULT_NETWORK, { what }), 404);
    return (this.#defaultHasIPv6 = network?.EnableIPv6 ?? false);
  }

  async findNetworks(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    return await this.#client.listNetworks(labels, { what: 'listing networks', signal });
  }

  async findNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<NetworkInfo | undefined> {
    const call = { what: `looking for network ${name}`, signal };
    const labelled = await this.#client.listSubnets({ ...labels, [LABEL.network]: name }, call);
    // Containers join a network by its name, which must denote this one alone.
    const [network, ...others] = labelled.filter((each) => each.name === name);
    const subnet = network?.subnets.find(({ cidr }) => isIPv4(cidr.replace(/\/\d{1,2}$/, '')));
    if (!network || !subnet || others.length > 0) return undefined;
    return { id: network.id, subnet: subnet.cidr, gateway: subnet.gateway };
  }

  async isIdleNetwork(id: string): Promise<boolean> {
    const call = { what: `inspecting network ${id}` };
    const network = await unlessStatus(this.#client.inspectNetwork(id, call), 404);
    return network !== undefined && Object.keys(network.Containers ?? {}).length === 0;
  }

  async removeNetwork(id: string): Promise<void> {
    await unlessStatus(this.#client.removeNetwork(id, { what: `removing network ${id}` }), 404);
  }

  async findVolumes(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    return await this.#client.listVolumes(labels, { what: 'listing volumes', signal });
  }

  async removeVolume(id: string): Promise<void> {
    await unlessStatus(this.#client.removeVolume(id, slow(`removing volume ${id}`)), 404);
  }

  async endOfContainer(id: string, signal: AbortSignal): Promise<Date | undefined> {
    const call = { what: `inspecting container ${id}`, signal };
    const { State } = (await unlessStatus(this.#client.inspectContainer(id, call), 404)) ?? {};
    return State && ENDED.has(State.Status) ? new Date(State.FinishedAt) : undefined;
  }

  async replaceByEmptyFile(path: string, labels: Labels): Promise<void> {
    await replaceByEmptyFile(this.#client, path, labels);
  }

  async removeContainer(id: string): Promise<void> {
    // 404: gone; 409: another client is removing it.
    await unlessStatus(this.#client.removeContainer(id, slow(`removing container ${id}`)), 404, 409);
  }
}

function slow(what: string): Call {
  return { what, timeoutMs: SLOW_CALL_TIMEOUT_MS };
}

/** Reads a pull's JSON lines; an error is one of them, despite the status of 200. */
async function followPull(stream: Readable, onProgress: (progress: PullProgress) => void, alive: () => void) {
  for await (const line of linesOf(stream)) {
    alive();
    const { id, status, error, errorDetail, progressDetail: { current, total } = {} } = JSON.parse(line) as PullLine;
    const trouble = errorDetail?.message ?? error;
    if (trouble !== undefined) throw new DockerError(trouble, undefined);
    if (status === undefined) continue;
    onProgress({
      status,
      ...(id !== undefined && { layer: id }),
      ...(current !== undefined && { currentBytes: current }),
      ...(total !== undefined && { totalBytes: total }),
    });
  }
}
