import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DockerError, EngineLostError, LABEL } from '../../src/lib/docker/engine.js';
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
  SeenEnd,
} from '../../src/lib/docker/engine.js';
import { untilAborted } from '../../src/lib/util/abortable.js';
import { tarOf } from '../support/image-archive.js';
import { entriesOf } from '../support/tar-entries.js';
import { FakeContainer } from './fake-container.js';
import type { FakeProgram } from './fake-container.js';
import type { FakeExec, FakeExecProgram } from './fake-exec.js';
import { hasLabels, labelled, labelledIn } from './labelled.js';
import { loadFakeImages } from './load-fake-images.js';
import { Trace } from './trace.js';

type EngineCall =
  | 'ping'
  | 'id'
  | 'describe'
  | 'inspectImage'
  | 'pullImage'
  | 'removeImage'
  | 'loadImage'
  | 'commit'
  | 'save'
  | 'create'
  | 'findContainer'
  | 'attach'
  | 'start'
  | 'stats'
  | 'exec'
  | 'logs'
  | 'events'
  | 'kill'
  | 'remove'
  | 'createNetwork'
  | 'findNetwork'
  | 'isIdleNetwork'
  | 'removeNetwork'
  | 'removeVolume'
  | 'replaceByEmptyFile'
  | 'archive';

/**
 * A Docker engine in memory, kept honest by the contract tests of the port. Containers run the program registered for
 * their command (words joined by a space); images are what `images` holds, by any name.
 */
export class FakeDockerEngine implements DockerEngine {
  readonly images = new Map<string, ImageInfo>();
  /** What a pull puts into `images`. */
  readonly registry = new Map<string, ImageInfo>();
  readonly pulls: { readonly name: string; readonly auth: RegistryAuth | undefined }[] = [];
  readonly programs = new Map<string, FakeProgram>();
  readonly containers = new Map<string, FakeContainer>();
  /** The same for processes started beside it; '' stands for any other command. */
  readonly execPrograms = new Map<string, FakeExecProgram>();
  /** Every process that was started so. */
  readonly execs: FakeExec[] = [];
  /** The labels of each image that was made of a container, by its name; stays when the image goes. */
  readonly committed = new Map<string, Labels>();
  /** The labels of each network. */
  readonly networks = new Map<string, Labels>();
  /** Those that the port made, by their ids, until they are removed. */
  readonly networkSpecs = new Map<string, NetworkSpec>();
  /** The labels of each volume. */
  readonly volumes = new Map<string, Labels>();
  /** False: how containers ended, besides their exit codes, can't be had. */
  tellsEnds = true;
  /** What it knows about the ends of containers. */
  ends: SeenEnd = 'seen';
  /** Whether the engine has forgotten the ends of containers. */
  forgetsEnds = false;
  isLiveRestoring = false;
  /** Every spec a container was made of. */
  readonly specs: ContainerSpec[] = [];
  readonly trace: Trace;
  readonly #id = randomUUID();
  readonly #failures = new Map<EngineCall, Error[]>();
  #lost: AbortController = new AbortController();
  #created = 0;

  constructor(trace = new Trace()) {
    this.trace = trace;
  }

  /** The next calls of this kind fail with these errors, one each. */
  fail(call: EngineCall, ...errors: readonly Error[]): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), ...errors]);
  }

  /** Every call under way and every later one fails without an answer, until `comeBack`. */
  lose(): void {
    this.#lost.abort(new EngineLostError('the connection to the engine was cut'));
  }

  comeBack(): void {
    this.#lost = new AbortController();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  called(call: EngineCall): void {
    this.trace.add(`engine.${call}`);
    this.#lost.signal.throwIfAborted();
    const error = this.#failures.get(call)?.shift();
    if (error) throw error;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.called('ping');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async id(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    this.called('id');
    return this.#id;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async describe(signal: AbortSignal): Promise<EngineDescription> {
    signal.throwIfAborted();
    this.called('describe');
    return { version: '26.1.5', storageDriver: 'overlay2', isLiveRestoring: this.isLiveRestoring };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async inspectImage(name: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    signal.throwIfAborted();
    this.called('inspectImage');
    return this.#image(name);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async pullImage(
    name: string,
    auth: RegistryAuth | undefined,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    this.called('pullImage');
    this.pulls.push({ name, auth });
    const image = this.registry.get(name);
    if (!image) throw new DockerError(`manifest for ${name} not found: manifest unknown`, 404);
    onProgress({ status: `Pulling from ${name}` });
    this.images.set(name, image);
  }

  async loadImage(archive: Readable, signal: AbortSignal): Promise<LoadedImages> {
    signal.throwIfAborted();
    this.called('loadImage');
    const files = await untilAborted(untilAborted(entriesOf(archive), signal), this.#lost.signal);
    return loadFakeImages(files, this.images);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async commitContainer(id: string, name: string, labels: Labels): Promise<void> {
    this.called('commit');
    const container = this.containers.get(id);
    if (!container) throw new DockerError(`No such container: ${id}`, 404);
    this.committed.set(name, { ...container.spec.labels, ...labels });
    const { image, command } = container.spec;
    const made = this.#image(image);
    const start = { entrypoint: made?.entrypoint ?? [], command: command ?? made?.command ?? [] };
    this.images.set(name, { id: `sha256:${name}`, ...start });
  }

  async saveImage(name: string, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    this.called('save');
    if (!this.#image(name)) throw new DockerError(`reference does not exist: ${name}`, 404);
    return Readable.from([await tarOf([{ name: 'manifest.json', content: JSON.stringify([{ RepoTags: [name] }]) }])]);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async removeImage(name: string): Promise<void> {
    this.called('removeImage');
    const id = this.images.get(name)?.id;
    const isUsed = [...this.containers.values()].some(({ spec }) => spec.image === id);
    if (isUsed) throw new DockerError(`conflict: unable to remove repository reference "${name}"`, 409);
    this.images.delete(name);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async createContainer(spec: ContainerSpec): Promise<CreatedContainer> {
    this.called('create');
    const image = this.#image(spec.image);
    if (!image) throw new DockerError(`No such image: ${spec.image}`, undefined);
    this.#created += 1;
    this.specs.push(spec);
    const container = new FakeContainer(this, String(this.#created).padStart(64, '0'), spec, image);
    this.containers.set(container.id, container);
    return container;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async findContainers(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    signal.throwIfAborted();
    this.#lost.signal.throwIfAborted();
    return labelled(
      [...this.containers.values()].map(({ id, spec }) => ({ id, labels: spec.labels })),
      labels,
    );
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async findContainer(id: string, labels: Labels, signal: AbortSignal): Promise<FoundContainer | undefined> {
    signal.throwIfAborted();
    this.called('findContainer');
    const container = this.containers.get(id);
    return container && hasLabels(container.spec.labels, labels) ? container.found() : undefined;
  }

  /** Two subnets overlap when they are the same: the fake has them of one size only. */
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async createNetwork(spec: NetworkSpec): Promise<string | undefined> {
    this.called('createNetwork');
    if ([...this.networkSpecs.values()].some(({ subnet }) => subnet === spec.subnet)) return undefined;
    this.#created += 1;
    const id = `network-${this.#created}`;
    this.networks.set(id, spec.labels);
    this.networkSpecs.set(id, spec);
    return id;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async findNetworks(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    signal.throwIfAborted();
    this.#lost.signal.throwIfAborted();
    return labelledIn(this.networks, labels);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async findNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<NetworkInfo | undefined> {
    signal.throwIfAborted();
    this.called('findNetwork');
    const wanted = { ...labels, [LABEL.network]: name };
    const made = [...this.networkSpecs].find(([, spec]) => spec.name === name && hasLabels(spec.labels, wanted));
    if (!made) return undefined;
    const [id, { subnet, gateway }] = made;
    return { id, subnet, gateway };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async isIdleNetwork(id: string): Promise<boolean> {
    this.called('isIdleNetwork');
    const name = this.networkSpecs.get(id)?.name;
    const attached = [...this.containers.values()].some(
      ({ spec }) => name !== undefined && spec.network?.name === name,
    );
    return this.networks.has(id) && !attached;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async removeNetwork(id: string): Promise<void> {
    this.called('removeNetwork');
    this.networks.delete(id);
    this.networkSpecs.delete(id);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async findVolumes(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]> {
    signal.throwIfAborted();
    this.#lost.signal.throwIfAborted();
    return labelledIn(this.volumes, labels);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async removeVolume(id: string): Promise<void> {
    this.called('removeVolume');
    this.volumes.delete(id);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async endOfContainer(id: string, signal: AbortSignal): Promise<Date | undefined> {
    signal.throwIfAborted();
    this.#lost.signal.throwIfAborted();
    return this.containers.get(id)?.endedAt;
  }

  async replaceByEmptyFile(path: string): Promise<void> {
    this.called('replaceByEmptyFile');
    await rm(path, { recursive: true, force: true });
    await writeFile(path, '');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async removeContainer(id: string): Promise<void> {
    this.called('remove');
    this.containers.get(id)?.endNow();
    this.containers.delete(id);
  }

  #image(name: string): ImageInfo | undefined {
    return this.images.get(name) ?? [...this.images.values()].find(({ id }) => id === name);
  }
}
