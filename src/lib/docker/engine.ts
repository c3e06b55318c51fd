import type { Readable, Writable } from 'node:stream';
import { ServiceError } from '../outcome/service-error.js';
import type { ServiceErrorOptions } from '../outcome/service-error.js';
import { shorten } from '../util/shorten.js';
import type { DockerFault } from './engine-words.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import type { KeptFile } from './output-keeper.js';

/** Labels by which the worker recognizes its own containers, networks, volumes and images. */
export const LABEL = {
  workerId: 'taskcluster.worker-id',
  workerGroup: 'taskcluster.worker-group',
  workerPool: 'taskcluster.worker-pool',
  taskId: 'taskcluster.task-id',
  runId: 'taskcluster.run-id',
  role: 'taskcluster.role',
  /** On networks: the network's name. */
  network: 'taskcluster.network',
} as const;

export type Labels = Readonly<Record<string, string>>;

/** An object of the engine that carries labels. */
export interface Labelled {
  readonly id: string;
  readonly labels: Labels;
}

export interface DeviceMapping {
  readonly pathOnHost: string;
  readonly pathInContainer: string;
  readonly permissions: string;
}

/** A network of this machine, and the container's own address in it. */
export interface ContainerNetwork {
  readonly name: string;
  /** IPv4; it must be free. */
  readonly address: string;
}

/** Limits of a container; undefined means the engine's default. */
export interface ContainerLimits {
  readonly memoryBytes?: number;
  readonly memorySwapBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
}

/** Everything that defines a container, decided before the first call to the engine. */
export interface ContainerSpec {
  /** Image id (`sha256:…`). */
  readonly image: string;
  /** undefined: the image's own command. */
  readonly command: readonly string[] | undefined;
  /** undefined: the image's own entrypoint. */
  readonly entrypoint: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly binds: readonly string[];
  readonly devices: readonly DeviceMapping[];
  readonly capAdd: readonly string[];
  readonly securityOpt: readonly string[];
  readonly extraHosts: readonly string[];
  /** undefined: the engine's default bridge, with an address that the engine chooses. */
  readonly network: ContainerNetwork | undefined;
  readonly cpuset: string | undefined;
  readonly privileged: boolean;
  readonly shmSizeBytes: number;
  readonly logDriver: { readonly type: string; readonly options: Readonly<Record<string, string>> };
  readonly limits: ContainerLimits;
}

/** A bridge network for containers of this machine. */
export interface NetworkSpec {
  /** Must be unique: the engine accepts the same name twice. */
  readonly name: string;
  /** IPv4, in CIDR notation. */
  readonly subnet: string;
  /** The machine's own address in it. */
  readonly gateway: string;
  readonly labels: Labels;
}

/** A network that an earlier worker created. */
export interface NetworkInfo {
  readonly id: string;
  /** IPv4, in CIDR notation. */
  readonly subnet: string;
  /** The machine's own address in it; undefined if the engine does not say. */
  readonly gateway: string | undefined;
}

export interface ImageInfo {
  /** `sha256:…` */
  readonly id: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
}

/** One status line of a pull, in docker's wording. */
export interface PullProgress {
  readonly layer?: string;
  readonly status: string;
  /** How much of the layer is done, and its size, if the engine reports them. */
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

/** What the engine loaded: the names of the images, and the ids of those without a name. */
export interface LoadedImages {
  readonly names: readonly string[];
  /** `sha256:…` */
  readonly ids: readonly string[];
}

interface DockerErrorOptions extends ServiceErrorOptions {
  readonly fault?: DockerFault;
}

/** The limit for messages of the engine, or of a server that answers in its place. */
const MAX_MESSAGE_LENGTH = 16 * 1024;

/** The engine's own message on refusing a call. `status` is undefined if no answer came (engine down, timeout, …). */
export class DockerError extends ServiceError {
  override readonly name: string = 'DockerError';
  /** undefined: the engine's message does not tell. */
  readonly fault: DockerFault | undefined;

  constructor(message: string, status?: number, { fault, ...options }: DockerErrorOptions = {}) {
    super('docker', shorten(message, MAX_MESSAGE_LENGTH) || 'the Docker engine gave no reason', status, options);
    this.fault = fault;
  }
}

/** Returns whether the engine's disk was full, according to the error or its cause. */
export function isDiskFull(error: unknown): boolean {
  return faultOf(error) === 'disk-full';
}

/** Returns whether the engine could not create a container because of the image's content. */
export function isUnusableImage(error: unknown): boolean {
  return faultOf(error) === 'unusable-image';
}

function faultOf(error: unknown): DockerFault | undefined {
  const cause = error instanceof Error && !(error instanceof DockerError) ? error.cause : error;
  return cause instanceof DockerError ? cause.fault : undefined;
}

/** No answer came: the engine was not reached, went away during the call, or timed out. It may have done its part. */
export class EngineLostError extends DockerError {
  override readonly name = 'EngineLostError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, undefined, { ...options, isLost: true });
  }
}

/** A container that this worker created, and has not removed, no longer exists. */
export class ContainerGoneError extends DockerError {
  override readonly name = 'ContainerGoneError';

  constructor() {
    const whose = 'something other than this worker removed it (docker rm, docker container prune)';
    super(`the container is gone: ${whose}`, undefined, { retryable: false });
  }
}

/** The Docker engine. Every call throws a DockerError, has its own timeout, and rejects with the signal's reason. */
export interface DockerEngine {
  ping(signal: AbortSignal): Promise<void>;
  /** Identifies this engine among all others, however it is reached; survives a restart of the engine. */
  id(signal: AbortSignal): Promise<string>;
  /** Describes the engine for people. */
  describe(signal: AbortSignal): Promise<EngineDescription>;
  /** Returns undefined if the engine does not have the image. */
  inspectImage(name: string, signal: AbortSignal): Promise<ImageInfo | undefined>;
  /** Fetches `name` (with its tag or digest); fails if the pull stalls for too long. */
  pullImage(
    name: string,
    auth: RegistryAuth | undefined,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Loads an image archive as `docker save` writes it (a tar, optionally compressed with gzip). If the archive fails,
   * this rejects with the archive's own error and leaves no trace in the engine. Fails when the engine has neither read
   * from the archive nor, after its end, sent a message for ten minutes. The archive is always destroyed.
   */
  loadImage(archive: Readable, signal: AbortSignal): Promise<LoadedImages>;
  /**
   * Makes an image of a container's present state, with a name and its tag; `labels` override the container's own. It
   * has the container's command, but the entrypoint of the container's image, because the worker's own entrypoint is of
   * no use elsewhere. Not abortable, like removeImage.
   */
  commitContainer(id: string, name: string, labels: Labels): Promise<void>;
  /** Returns the archive of an image as `docker save` writes it. Destroy it if not read to its end. */
  saveImage(name: string, signal: AbortSignal): Promise<Readable>;
  /**
   * Removes this name from an image, and the image with its last name; harmless if it does not exist. Fails with a 409
   * for the last name of an image with containers, running or not. Not abortable: the caller must know when it is over.
   */
  removeImage(name: string): Promise<void>;
  /** Not abortable: an aborted creation would leave an unknown container. */
  createContainer(spec: ContainerSpec): Promise<CreatedContainer>;
  /** Returns all containers, running or not, that carry these labels; all containers if no label is given. */
  findContainers(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /**
   * Returns the container with this id; undefined if it is gone, or lacks one of the labels: then it belongs to someone
   * else.
   */
  findContainer(id: string, labels: Labels, signal: AbortSignal): Promise<FoundContainer | undefined>;
  /** Returns when a container ended; undefined if it has not ended, was never started, or is gone. */
  endOfContainer(id: string, signal: AbortSignal): Promise<Date | undefined>;
  /**
   * Replaces what is at an absolute path of the engine's machine by an empty file, whatever its owner: a directory with
   * all its content, or a link itself. The parent directory must exist and not be a link. Meanwhile a container with
   * these labels exists, which never runs. Not abortable, like createContainer.
   */
  replaceByEmptyFile(path: string, labels: Labels): Promise<void>;
  /** Kills and removes a container with its anonymous volumes; harmless if it is gone. */
  removeContainer(id: string): Promise<void>;
  /**
   * Returns the network's id; undefined if its subnet overlaps that of another network. It has IPv6 if the engine's
   * default network has. Not abortable, like createContainer.
   */
  createNetwork(spec: NetworkSpec): Promise<string | undefined>;
  /** Returns all networks that carry these labels. */
  findNetworks(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /**
   * Returns the network with this name that carries these labels and, as LABEL.network, its name; undefined if there is
   * none, or if it has no IPv4 subnet.
   */
  findNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<NetworkInfo | undefined>;
  /** Returns whether the network exists and has no container attached. */
  isIdleNetwork(id: string): Promise<boolean>;
  /** Removes a network without attached containers; harmless if it is gone. */
  removeNetwork(id: string): Promise<void>;
  /** Returns all volumes that carry these labels; their ids are their names. */
  findVolumes(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /** Removes a volume that no container uses; harmless if it is gone. */
  removeVolume(id: string): Promise<void>;
}

/** The file with a container's output, and the process that writes it. */
export interface KeptOutput {
  readonly file: KeptFile;
  readonly keeper: ProcessIdentity;
}

/** Reads a container's output; resolves when the output has ended and is processed, and fails as the stream does. */
export type OutputConsumer = (output: Readable) => Promise<void>;

/** A container that exists but does not run. */
export interface CreatedContainer {
  readonly id: string;
  /**
   * Passes everything the container prints to `consume`, from its first byte: attach before start. `drained` settles as
   * `consume` does; on abort the stream fails and `drained` rejects with the signal's reason.
   *
   * With `file`, a process of its own, which outlives this one, reads the output and writes it to that file, and
   * `consume` gets it from there. Throws a KeeperError when that process can't be started.
   */
  attach(
    consume: OutputConsumer,
    signal: AbortSignal,
    file?: KeptFile,
  ): Promise<{ readonly drained: Promise<void>; readonly keeper?: ProcessIdentity }>;
  /** Starts the container; fails for a bad command. Not abortable, for the same reason. */
  start(): Promise<RunningContainer>;
}

/**
 * What the engine knows about a container's end: `seen` while nobody told it to stop; `ordered`: somebody told it to stop
 * before, as an engine does that starts without live-restore; `unknown`: the engine was restarted since, and may have
 * ended it or not know how it ended, or it has forgotten (it remembers its last 256 events).
 */
export type SeenEnd = 'seen' | 'ordered' | 'unknown';

/** A container that an earlier worker created, or that this one created before it lost the engine. */
export interface FoundContainer {
  readonly id: string;
  /** When it was found. A paused container is running; one whose removal has begun or failed has ended. */
  readonly state: 'created' | 'running' | 'ended';
  /** In the engine's clock; undefined if it was never started. */
  readonly startedAt: Date | undefined;
  /** In the engine's clock; undefined if it has not ended. */
  readonly endedAt: Date | undefined;
  /**
   * Its operations; `wait` returns at once if it has ended. Throws if its state is `created`: to a client that waits for
   * a container without a start, the engine reports a success.
   */
  readonly running: RunningContainer;
  /** Returns it as a container that has ended like this. Makes no call. */
  ended(exitCode: number, oomKilled: boolean | undefined): StoppedContainer;
  /**
   * Passes what it prints from now on to `consume`, like CreatedContainer.attach. The output of a container that has
   * ended never ends: abort it once `wait` has returned.
   */
  attach(consume: OutputConsumer, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }>;
  /**
   * Passes what it has printed since its start to `consume`, from the first byte; with `follow` also what it prints from
   * now on. `consume` sets the pace and may pause for any time. `drained` is that of CreatedContainer.attach.
   *
   * The output is that of a log driver: it is complete only if that keeps everything, and has the last line only once
   * that ends or is 16 KiB long. With `follow` it may end before the last bytes: read it again without, once `wait` has
   * returned. An error while the engine reads its log is a line within the output ("Error grabbing logs: …").
   *
   * With `kept`, what a keeper has written is read instead. Throws a KeeperError, or `drained` rejects with it, if that
   * does not have everything.
   */
  readOutput(
    consume: OutputConsumer,
    options: { readonly follow: boolean; readonly kept?: KeptOutput | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly drained: Promise<void> }>;
  /**
   * Looks up the container's end in what the engine's process, as it runs now, remembers. Call it after the end. Without
   * an event it waits some seconds for one.
   */
  lookUpEnd(signal: AbortSignal): Promise<SeenEnd>;
  /** Returns whether the engine remembers as many events as it can, all of them later than the container's end. */
  mayHaveForgottenEnd(signal: AbortSignal): Promise<boolean>;
}

export interface EngineDescription {
  readonly version: string;
  /** For example overlay2. */
  readonly storageDriver: string;
  /** Whether containers go on while it is restarted (`live-restore`). */
  readonly isLiveRestoring: boolean;
}

/** A container's usage since its start, without the values that the engine does not report. */
export interface ContainerUsage {
  /** With cgroup v2 the usage at the time of the sample: the peak is the highest of all samples. */
  readonly memoryPeakBytes?: number;
  readonly cpuSeconds?: number;
  /** From and to disks. */
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  /** From and to the network. */
  readonly receivedBytes?: number;
  readonly sentBytes?: number;
}

/** An additional process in a running container. */
export interface ExecSpec {
  readonly command: readonly string[];
  /** Whether it has a terminal: one stream for all output, and the keyboard's control characters work. */
  readonly tty: boolean;
  /** In addition to the environment of the container's command. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name or number; default: the container's own user. */
  readonly user?: string;
}

export interface ExecOutput {
  /** Always stdout with a terminal. */
  readonly from: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/**
 * A process started in a container. A lost connection looks like the end of its output; `exitCode` then fails, or waits
 * until the process has ended.
 */
export interface ExecSession {
  /** The process's input; ending it closes stdin, except on a terminal. It never fails: unread input is lost. */
  readonly stdin: Writable;
  /** The process's output, in order, up to its end. Reads only as fast as the consumer. May be iterated once. */
  readonly output: AsyncIterable<ExecOutput>;
  /** Resizes its terminal; harmless after the process has ended. */
  resize(rows: number, columns: number): Promise<void>;
  /** Returns the exit code. Call it after the end of the output. */
  exitCode(signal: AbortSignal): Promise<number>;
  /** Closes its streams. The process keeps running: the engine can't kill it. */
  close(): void;
}

export interface RunningContainer {
  readonly id: string;
  /** Starts a process. Fails with a 409 if the container has ended. */
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession>;
  /**
   * Waits for the end, without a timeout. Throws an EngineLostError if the engine goes away, even if that ended the
   * container, and a ContainerGoneError if the container was removed while it ran.
   */
  wait(signal: AbortSignal): Promise<StoppedContainer>;
  /**
   * Calls back about once a second, first after one second. Abort it, as it may continue after the container's end; it
   * then rejects with the signal's reason.
   */
  watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void>;
  /** Sends SIGKILL; harmless after the container has ended. */
  kill(): Promise<void>;
}

/** A container that has ended; its file system can be read until it is removed. */
export interface StoppedContainer {
  readonly id: string;
  readonly exitCode: number;
  /**
   * Whether the kernel killed one of its processes for exceeding the container's memory limit, whatever the exit code;
   * undefined if the engine does not say.
   */
  readonly oomKilled: boolean | undefined;
  /**
   * Returns a tar of `path`; undefined if the container has no such path. Throws a ContainerGoneError if the container
   * is gone. Destroy it if not read to its end.
   */
  getArchive(path: string, signal: AbortSignal): Promise<Readable | undefined>;
  /**
   * Returns the target of the link at `path`, through all links on the way, as a path within the container, where
   * nothing need exist; undefined if the path is missing or not a link. Throws a ContainerGoneError like getArchive.
   */
  linkTarget(path: string, signal: AbortSignal): Promise<string | undefined>;
}
