import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Docker } from './dockerode.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { inBody, inUrl, labelFilter } from './call-options.js';
import { archiveStream } from './archive-stream.js';
import { dockerCall } from './docker-call.js';
import { createOptions } from './create-options.js';
import { hasStatus, pullError, startError } from './docker-error.js';
import { DockerodeCreatedContainer } from './dockerode-container.js';
import { DockerodeNetworks } from './dockerode-networks.js';
import { DockerError } from './engine.js';
import type {
  ContainerSpec,
  CreatedContainer,
  DockerEngine,
  EngineDescription,
  ImageInfo,
  Labelled,
  Labels,
  LoadedImages,
  NetworkSpec,
  PullProgress,
  RegistryAuth,
} from './engine.js';
import { EngineAgent } from './engine-agent.js';
import { linesOf } from './lines-of.js';
import { loadImage } from './load-image.js';
import { replaceByEmptyFile } from './replace-by-empty-file.js';

export interface EngineAddress {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}

const CALL_TIMEOUT_MS = 60_000;
// Creating can wait for a busy graph driver; removing for a big container file system.
const SLOW_CALL_TIMEOUT_MS = 300_000;
// A layer of many gigabytes has to be written, or read, before the engine answers.
const COMMIT_TIMEOUT_MS = 900_000;
const PULL_INACTIVITY_MS = 60_000;

// A dead one is what a removal left that failed half-way.
const ENDED = new Set(['exited', 'dead']);

interface InspectedImage {
  readonly Id: string;
  readonly Config?: {
    readonly Entrypoint?: string | string[] | null;
    readonly Cmd?: string[] | null;
  } | null;
}

interface VolumeList {
  readonly Volumes: readonly { readonly Name: string; readonly Labels?: Labels | null }[] | null;
}

interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** The DockerEngine over the engine's HTTP API, on a unix socket or a host and port. */
export class DockerodeEngine implements DockerEngine {
  readonly #docker: Docker;
  readonly #anew: Docker;
  readonly #networks: DockerodeNetworks;
  readonly #pullInactivityMs: number;

  /** `pullInactivityMs`: a pull that says nothing for so long has failed. */
  constructor(address: EngineAddress, pullInactivityMs = PULL_INACTIVITY_MS) {
    this.#pullInactivityMs = pullInactivityMs;
    const options = { ...address, agent: new EngineAgent() };
    this.#docker = new Docker(options);
    this.#networks = new DockerodeNetworks(this.#docker);
    const optionsAnew = { ...address, agent: new EngineAgent({ keepAlive: false }) };
    this.#anew = new Docker(optionsAnew);
  }

  async ping(signal: AbortSignal): Promise<void> {
    // An engine that is being stopped goes on answering by the connections that there are.
    await dockerCall('ping', CALL_TIMEOUT_MS, () => this.#anew.ping() as Promise<unknown>, signal);
  }

  async id(signal: AbortSignal): Promise<string> {
    const ask = () => this.#docker.info() as Promise<{ readonly ID: string; readonly DockerRootDir?: string }>;
    const { ID, DockerRootDir } = await dockerCall('asking for the id of the engine', CALL_TIMEOUT_MS, ask, signal);
    // Older engines have their id from /etc/docker/key.json, which all engines of a machine share.
    return `${ID} ${DockerRootDir ?? ''}`;
  }

  async describe(signal: AbortSignal): Promise<EngineDescription> {
    const ask = () => this.#docker.info() as Promise<{ readonly ServerVersion: string; readonly Driver: string }>;
    const { ServerVersion, Driver } = await dockerCall('asking what engine it is', CALL_TIMEOUT_MS, ask, signal);
    return { version: ServerVersion, storageDriver: Driver };
  }

  async inspectImage(name: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    const what = `inspecting image ${name}`;
    try {
      const inspect = async (): Promise<ImageInfo> => {
        // An image may be without `config`, whatever the types say.
        const { Id, Config } = (await this.#docker.getImage(name).inspect()) as InspectedImage;
        return { id: Id, entrypoint: words(Config?.Entrypoint), command: words(Config?.Cmd) };
      };
      return await dockerCall(what, CALL_TIMEOUT_MS, inspect, signal);
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
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
      const authconfig = auth && {
        username: auth.username,
        password: auth.password,
        serveraddress: auth.serverAddress,
      };
      const told = inUrl({ fromImage: name });
      const options = { ...told, abortSignal: inactivity.signal, ...(authconfig && { authconfig }) };
      const stream = (await untilAborted(this.#docker.createImage(options), inactivity.signal)) as unknown as Readable;
      await untilAborted(followPull(stream, onProgress, alive), inactivity.signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw pullError(name, inactivity.signal.aborted ? inactivity.signal.reason : error);
    } finally {
      inactivity.abort(new Error('the pull is over'));
    }
  }

  async loadImage(archive: Readable, signal: AbortSignal): Promise<LoadedImages> {
    return await loadImage(this.#docker, archive, signal);
  }

  async commitContainer(id: string, name: string, labels: Labels): Promise<void> {
    const what = `making an image of container ${id}`;
    const container = this.#docker.getContainer(id);
    const look = (abortSignal: AbortSignal) => container.inspect({ abortSignal });
    const { Image, Config } = await dockerCall(what, CALL_TIMEOUT_MS, look);
    const inspected = await dockerCall(what, CALL_TIMEOUT_MS, () => this.#docker.getImage(Image).inspect());
    const { Entrypoint } = (inspected as InspectedImage).Config ?? {};
    // The engine takes the container's for what is null, and its command only along with its entrypoint.
    const start = { Entrypoint: words(Entrypoint), Cmd: words(Config.Cmd) };
    const at = name.lastIndexOf(':');
    // Podman takes no tag within the repository.
    const query = { container: id, repo: name.slice(0, at), tag: name.slice(at + 1) };
    const told = { _query: query, _body: { Labels: labels, ...start } };
    const commit = (abortSignal: AbortSignal): Promise<unknown> => container.commit({ ...told, abortSignal });
    await dockerCall(what, COMMIT_TIMEOUT_MS, commit);
  }

  async saveImage(name: string, signal: AbortSignal): Promise<Readable> {
    const what = `saving image ${name}`;
    const answering = this.#docker.getImage(name).get();
    try {
      return archiveStream(
        what,
        (await dockerCall(what, COMMIT_TIMEOUT_MS, () => answering, signal)) as unknown as IncomingMessage,
      );
    } catch (error) {
      // dockerode can't be told to stop asking.
      answering.then(
        (late) => (late as unknown as IncomingMessage).destroy(),
        () => undefined,
      );
      throw error;
    }
  }

  async removeImage(name: string): Promise<void> {
    const remove = (abortSignal: AbortSignal): Promise<unknown> => this.#docker.getImage(name).remove({ abortSignal });
    try {
      await dockerCall(`removing image ${name}`, SLOW_CALL_TIMEOUT_MS, remove);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }

  async createContainer(spec: ContainerSpec): Promise<CreatedContainer> {
    const create = (abortSignal: AbortSignal) =>
      this.#docker.createContainer({ ...inBody(createOptions(spec)), abortSignal });
    const what = 'creating a container';
    const container = await dockerCall(what, SLOW_CALL_TIMEOUT_MS, create).catch((error: unknown) => {
      throw startError(what, error);
    });
    const isMemoryLimited = spec.limits.memoryBytes !== undefined;
    return new DockerodeCreatedContainer(container, { isMemoryLimited, anew: this.#anew });
  }

  async findContainers(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    // Read within the call: an answer that is no list is a failure of it.
    const list = async (abortSignal: AbortSignal): Promise<readonly Labelled[]> => {
      const found = await this.#docker.listContainers({ all: true, filters: labelFilter(labels), abortSignal });
      return found.map(({ Id, Labels }) => ({ id: Id, labels: Labels }));
    };
    return await dockerCall('listing containers', CALL_TIMEOUT_MS, list, signal);
  }

  async createNetwork(spec: NetworkSpec): Promise<string | undefined> {
    return await this.#networks.create(spec);
  }

  async findNetworks(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    return await this.#networks.find(labels, signal);
  }

  async isIdleNetwork(id: string): Promise<boolean> {
    return await this.#networks.isIdle(id);
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#networks.remove(id);
  }

  async findVolumes(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    const list = (abortSignal: AbortSignal) => this.#docker.listVolumes({ filters: labelFilter(labels), abortSignal });
    // The engine leaves the list out when it is empty.
    const { Volumes } = (await dockerCall('listing volumes', CALL_TIMEOUT_MS, list, signal)) as Partial<VolumeList>;
    return (Volumes ?? []).map(({ Name, Labels }) => ({ id: Name, labels: Labels ?? {} }));
  }

  async removeVolume(id: string): Promise<void> {
    const remove = (abortSignal: AbortSignal): Promise<unknown> => this.#docker.getVolume(id).remove({ abortSignal });
    try {
      await dockerCall(`removing volume ${id}`, SLOW_CALL_TIMEOUT_MS, remove);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
    }
  }

  async endOfContainer(id: string, signal: AbortSignal): Promise<Date | undefined> {
    const inspect = (abortSignal: AbortSignal) => this.#docker.getContainer(id).inspect({ abortSignal });
    try {
      const { State } = await dockerCall(`inspecting container ${id}`, CALL_TIMEOUT_MS, inspect, signal);
      return ENDED.has(State.Status) ? new Date(State.FinishedAt) : undefined;
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async replaceByEmptyFile(path: string, labels: Labels): Promise<void> {
    await replaceByEmptyFile(this.#docker, path, labels);
  }

  async removeContainer(id: string): Promise<void> {
    const remove = (abortSignal: AbortSignal): Promise<unknown> =>
      this.#docker.getContainer(id).remove({ force: true, v: true, abortSignal });
    try {
      await dockerCall(`removing container ${id}`, SLOW_CALL_TIMEOUT_MS, remove);
    } catch (error) {
      // 404: gone; 409: somebody else is removing it.
      if (!hasStatus(error, 404, 409)) throw error;
    }
  }
}

/** Reads a pull's JSON lines; its error, if any, is one of them, behind a status of 200. */
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

function words(value: string | string[] | null | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value : [];
}
