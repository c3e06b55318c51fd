import type { Readable, Writable } from 'node:stream';
import { DockerError } from '../../src/lib/docker/engine.js';
import type {
  ContainerSpec,
  ContainerUsage,
  CreatedContainer,
  DockerEngine,
  ImageInfo,
  Labelled,
  Labels,
  LoadedImages,
  NetworkSpec,
  PullProgress,
  RegistryAuth,
  RunningContainer,
  StoppedContainer,
} from '../../src/lib/docker/engine.js';
import { untilAborted } from '../../src/lib/util/abortable.js';
import { entriesOf } from '../support/tar-entries.js';
import { archiveOf } from './archive-of.js';
import { labelled, labelledIn } from './labelled.js';
import { loadFakeImages } from './load-fake-images.js';
import { Trace } from './trace.js';

/** What a program of a fake container can do. */
export interface FakeProcess {
  readonly env: Readonly<Record<string, string>>;
  readonly killed: AbortSignal;
  readonly print: (text: string) => Promise<void>;
  readonly writeFile: (path: string, content: string) => void;
  /** Makes a link to an absolute path. */
  readonly link: (path: string, target: string) => void;
  /** Tells whoever watches the usage. */
  readonly use: (usage: ContainerUsage) => void;
}

/** Returns the exit code; a killed one ends with 137, whatever it returns. */
export type FakeProgram = (process: FakeProcess) => Promise<number> | number;

/** Runs until it is killed. */
export const runsForEver: FakeProgram = ({ killed }) =>
  new Promise((resolve) => {
    killed.addEventListener('abort', () => {
      resolve(137);
    });
  });

type EngineCall =
  | 'ping'
  | 'inspectImage'
  | 'pullImage'
  | 'removeImage'
  | 'loadImage'
  | 'create'
  | 'attach'
  | 'start'
  | 'stats'
  | 'kill'
  | 'remove'
  | 'createNetwork'
  | 'removeNetwork'
  | 'removeVolume'
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
  /** The labels of each network. */
  readonly networks = new Map<string, Labels>();
  /** Those that the port made, by their ids, until they are removed. */
  readonly networkSpecs = new Map<string, NetworkSpec>();
  /** The labels of each volume. */
  readonly volumes = new Map<string, Labels>();
  /** False: how containers ended, besides their exit codes, can't be had. */
  tellsEnds = true;
  /** Every spec a container was made of. */
  readonly specs: ContainerSpec[] = [];
  readonly trace: Trace;
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
    this.#lost.abort(new DockerError('the connection to the engine was cut', undefined));
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

/** All stages of a container in one: each method fails as the engine does in a stage where it is not valid. */
class FakeContainer implements CreatedContainer, RunningContainer {
  readonly #engine: FakeDockerEngine;
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly #command: string;
  readonly #kill = new AbortController();
  readonly #files = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #watchers = new Set<(usage: ContainerUsage) => void>();
  #output: Writable | undefined;
  #markDrained: () => void = () => undefined;
  #ended: Promise<number> | undefined;
  endedAt: Date | undefined;

  constructor(engine: FakeDockerEngine, id: string, spec: ContainerSpec, image: ImageInfo) {
    this.#engine = engine;
    this.id = id;
    this.spec = spec;
    const entrypoint = spec.entrypoint ?? image.entrypoint;
    const command = spec.command ?? (spec.entrypoint ? [] : image.command);
    this.#command = [...entrypoint, ...command].join(' ');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async attach(output: Writable, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }> {
    signal.throwIfAborted();
    this.#engine.called('attach');
    this.#output = output;
    const written = new Promise<void>((resolve) => {
      this.#markDrained = resolve;
    });
    const drained = untilAborted(untilAborted(written, signal), this.#engine.lost);
    drained.catch(() => undefined);
    return { drained };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async start(): Promise<RunningContainer> {
    this.#engine.called('start');
    const program = this.#engine.programs.get(this.#command);
    if (!program) throw new DockerError(`exec: "${this.#command}": executable file not found in $PATH: unknown`, 400);
    this.#ended = this.#run(program);
    this.#engine.trace.add('container.started');
    return this;
  }

  async wait(signal: AbortSignal): Promise<StoppedContainer> {
    this.#engine.lost.throwIfAborted();
    if (!this.#ended) throw new Error('a container that was not started can not be waited for');
    const exitCode = await untilAborted(untilAborted(this.#ended, signal), this.#engine.lost);
    return {
      id: this.id,
      exitCode,
      oomKilled: this.#engine.tellsEnds ? exitCode === 137 && !this.#kill.signal.aborted : undefined,
      getArchive: (path, until) => this.#archive(path, until),
      linkTarget: (path, until) => this.#linkTarget(path, until),
    };
  }

  async watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#engine.called('stats');
    this.#engine.trace.add('stats.opened');
    this.#watchers.add(onUsage);
    try {
      await untilAborted(untilAborted(new Promise<never>(() => undefined), signal), this.#engine.lost);
    } finally {
      this.#watchers.delete(onUsage);
      this.#engine.trace.add('stats.closed');
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async kill(): Promise<void> {
    this.#engine.called('kill');
    this.endNow();
  }

  endNow(): void {
    this.#kill.abort();
    if (!this.#ended) this.#markDrained();
  }

  async #run(program: FakeProgram): Promise<number> {
    const exitCode = await program({
      env: this.spec.env,
      killed: this.#kill.signal,
      print: (text) => this.#print(text),
      writeFile: (path, content) => this.#files.set(path, content),
      link: (path, target) => this.#links.set(path, target),
      use: (usage) => {
        for (const onUsage of this.#watchers) onUsage(usage);
      },
    });
    this.endedAt = new Date();
    this.#engine.trace.add('container.ended');
    this.#markDrained();
    return this.#kill.signal.aborted ? 137 : exitCode;
  }

  async #print(text: string): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#output)
        this.#output.write(text.replaceAll('\n', '\r\n'), () => {
          resolve();
        });
      else resolve();
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #archive(path: string, signal: AbortSignal): Promise<Readable | undefined> {
    signal.throwIfAborted();
    this.#engine.called('archive');
    if (!this.#engine.containers.has(this.id)) return undefined;
    return archiveOf(path, this.#files, this.#links);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    this.#engine.called('archive');
    let target = this.#links.get(path);
    for (let next = target; next !== undefined; next = this.#links.get(next)) target = next;
    return target;
  }
}
