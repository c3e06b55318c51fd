import type { Readable, Writable } from 'node:stream';
import { ServiceError } from '../outcome/service-error.js';
import type { ServiceErrorOptions } from '../outcome/service-error.js';
import { shorten } from '../util/shorten.js';
import type { DockerFault } from './engine-words.js';

/** Labels by which the worker knows its own containers, networks, volumes and images. */
export const LABEL = {
  workerId: 'taskcluster.worker-id',
  workerGroup: 'taskcluster.worker-group',
  workerPool: 'taskcluster.worker-pool',
  taskId: 'taskcluster.task-id',
  runId: 'taskcluster.run-id',
  role: 'taskcluster.role',
  /** Of a network: its name. */
  network: 'taskcluster.network',
} as const;

export type Labels = Readonly<Record<string, string>>;

/** Something of the engine's that carries labels. */
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
  /** IPv4; it has to be free. */
  readonly address: string;
}

/** Limits of a container; what is undefined is the engine's default. */
export interface ContainerLimits {
  readonly memoryBytes?: number;
  readonly memorySwapBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
}

/** Everything that makes a container, decided before the engine is asked for anything. */
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
  /** undefined: the engine's default bridge, with an address of the engine's choice. */
  readonly network: ContainerNetwork | undefined;
  readonly cpuset: string | undefined;
  readonly privileged: boolean;
  readonly shmSizeBytes: number;
  readonly logDriver: { readonly type: string; readonly options: Readonly<Record<string, string>> };
  readonly limits: ContainerLimits;
}

/** A bridge network for containers of this machine. */
export interface NetworkSpec {
  /** The engine takes a name twice: it has to be one that nobody else would choose. */
  readonly name: string;
  /** IPv4, in CIDR notation. */
  readonly subnet: string;
  /** The machine's own address in it. */
  readonly gateway: string;
  readonly labels: Labels;
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

/** One status line of a pull, as docker words it. */
export interface PullProgress {
  readonly layer?: string;
  readonly status: string;
  /** How much of the layer is done with, and how much there is to do, when the engine says so. */
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

/** What the engine says it loaded: the names the images got, and the ids of those that got none. */
export interface LoadedImages {
  readonly names: readonly string[];
  /** `sha256:…` */
  readonly ids: readonly string[];
}

interface DockerErrorOptions extends ServiceErrorOptions {
  readonly fault?: DockerFault;
}

/** Of what the engine, or whatever answers in its place, says. */
const MAX_MESSAGE_LENGTH = 16 * 1024;

/**
 * What the engine answered when it refused, in its own words. `status` is undefined when there was no answer
 * (engine down, connection cut, no answer in time).
 */
export class DockerError extends ServiceError {
  override readonly name: string = 'DockerError';
  /** undefined: the engine's words do not tell. */
  readonly fault: DockerFault | undefined;

  constructor(message: string, status?: number, { fault, ...options }: DockerErrorOptions = {}) {
    super('docker', shorten(message, MAX_MESSAGE_LENGTH) || 'the Docker engine gave no reason', status, options);
    this.fault = fault;
  }
}

/** Whether the engine had no room left on its disk, as the error itself or what caused it says. */
export function isDiskFull(error: unknown): boolean {
  return faultOf(error) === 'disk-full';
}

/** Whether the engine could make no container of the image because of what is in that. */
export function isUnusableImage(error: unknown): boolean {
  return faultOf(error) === 'unusable-image';
}

function faultOf(error: unknown): DockerFault | undefined {
  const cause = error instanceof Error && !(error instanceof DockerError) ? error.cause : error;
  return cause instanceof DockerError ? cause.fault : undefined;
}

/**
 * There was no answer because the engine is not there: it was never reached, it went away in the middle of the call, or
 * it did not answer in time. What was asked for may have been done.
 */
export class EngineLostError extends DockerError {
  override readonly name = 'EngineLostError';

  constructor(message: string, options?: ErrorOptions) {
    super(message, undefined, { ...options, isLost: true });
  }
}

/** A container that this worker has made, and has not removed, does not exist any more. */
export class ContainerGoneError extends DockerError {
  override readonly name = 'ContainerGoneError';

  constructor() {
    const whose = 'something other than this worker removed it (docker rm, docker container prune)';
    super(`the container is gone: ${whose}`, undefined, { retryable: false });
  }
}

/**
 * The Docker engine. Every call fails with a DockerError, has a time limit of its own, and rejects with the signal's
 * reason when that aborts.
 */
export interface DockerEngine {
  ping(signal: AbortSignal): Promise<void>;
  /** Tells this engine apart from all others, however it is reached; stays the same when the engine is restarted. */
  id(signal: AbortSignal): Promise<string>;
  /** Which engine it is, for people. */
  describe(signal: AbortSignal): Promise<EngineDescription>;
  /** undefined: no such image here. */
  inspectImage(name: string, signal: AbortSignal): Promise<ImageInfo | undefined>;
  /** Fetches `name` (with its tag or digest); fails when nothing happened for too long. */
  pullImage(
    name: string,
    auth: RegistryAuth | undefined,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Loads an image archive as `docker save` makes them (a tar, or one that is compressed with gzip). When the archive
   * fails, so does this, with the archive's own error and without a trace of it in the engine. Fails when the engine has
   * not taken any of it, or said anything after its end, for ten minutes. The archive is destroyed in any case.
   */
  loadImage(archive: Readable, signal: AbortSignal): Promise<LoadedImages>;
  /**
   * Makes an image of what a container has come to, with a name and its tag; `labels` lie over the container's own. It
   * has the container's command, but the entrypoint of the container's image: one of the worker's own is of no use
   * elsewhere. Not abortable, as removeImage.
   */
  commitContainer(id: string, name: string, labels: Labels): Promise<void>;
  /** The archive of an image as `docker save` writes it. Destroy it when not read to its end. */
  saveImage(name: string, signal: AbortSignal): Promise<Readable>;
  /**
   * Takes this name from an image, and the image away with its last name; harmless when there is none. The last
   * name stays, with a 409, while there is a container, running or not, that was made from it. Not abortable: whoever
   * waits for its end must know that it is over.
   */
  removeImage(name: string): Promise<void>;
  /** Not abortable: half a creation would leave a container that nobody knows. */
  createContainer(spec: ContainerSpec): Promise<CreatedContainer>;
  /** All containers, running or not, that carry these labels; all there are when none is given. */
  findContainers(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /** When a container ended; undefined: it has not, was never started, or is gone. */
  endOfContainer(id: string, signal: AbortSignal): Promise<Date | undefined>;
  /**
   * Replaces what is at an absolute path of the engine's machine by an empty file, whomever it belongs to: a directory
   * with all its content, a link itself. The directory around it has to be there, and no link. A container with these
   * labels is there meanwhile, which never runs. Not abortable, as createContainer.
   */
  replaceByEmptyFile(path: string, labels: Labels): Promise<void>;
  /** Kills and removes a container with its anonymous volumes; harmless when it is gone. */
  removeContainer(id: string): Promise<void>;
  /**
   * Returns the network's id; undefined: its subnet overlaps that of another. It has IPv6 too where the engine's default
   * network has. Not abortable, as createContainer.
   */
  createNetwork(spec: NetworkSpec): Promise<string | undefined>;
  /** All networks that carry these labels. */
  findNetworks(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /** Whether the network is there and no container is attached to it. */
  isIdleNetwork(id: string): Promise<boolean>;
  /** Removes a network that no container is attached to; harmless when it is gone. */
  removeNetwork(id: string): Promise<void>;
  /** All volumes that carry these labels; their ids are their names. */
  findVolumes(labels: Labels, signal: AbortSignal): Promise<readonly Labelled[]>;
  /** Removes a volume that no container uses; harmless when it is gone. */
  removeVolume(id: string): Promise<void>;
}

/** Reads a container's output; resolves when it has ended and is dealt with, and fails as the stream does. */
export type OutputConsumer = (output: Readable) => Promise<void>;

/** A container that exists and does not run. */
export interface CreatedContainer {
  readonly id: string;
  /**
   * Hands everything the container prints to `consume`, from its first byte: attach before start. `drained` settles as
   * `consume` does; when the signal aborts, the stream fails and `drained` rejects with the signal's reason.
   */
  attach(consume: OutputConsumer, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }>;
  /** Not abortable, for the same reason; a bad command is refused here. */
  start(): Promise<RunningContainer>;
}

export interface EngineDescription {
  readonly version: string;
  /** Such as overlay2. */
  readonly storageDriver: string;
}

/** What a container has used since its start; what the engine could not tell is left out. */
export interface ContainerUsage {
  /** With cgroup v2: at the time of the sample, so that the peak is the highest of all samples. */
  readonly memoryPeakBytes?: number;
  readonly cpuSeconds?: number;
  /** From and to disks. */
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  /** From and to the network. */
  readonly receivedBytes?: number;
  readonly sentBytes?: number;
}

/** One more process in a running container, beside its own command. */
export interface ExecSpec {
  readonly command: readonly string[];
  /** A terminal: one stream for all output, and the keyboard's control characters work. */
  readonly tty: boolean;
  /** On top of what the container's command has. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name or number; default: the container's own user. */
  readonly user?: string;
}

export interface ExecOutput {
  /** With a terminal it is always stdout. */
  readonly from: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/**
 * A process that was started in a container. A lost connection looks like the end of its output, and makes `exitCode`
 * fail or wait until its process has ended.
 */
export interface ExecSession {
  /** What the process reads; ending it ends that, except on a terminal. It never fails: what nobody reads is lost. */
  readonly stdin: Writable;
  /** All that it prints, in order, up to its end. As much is read as is taken. May be iterated once. */
  readonly output: AsyncIterable<ExecOutput>;
  /** Of its terminal; harmless when it has ended. */
  resize(rows: number, columns: number): Promise<void>;
  /** To be called after the end of the output. */
  exitCode(signal: AbortSignal): Promise<number>;
  /** Lets go of its streams. The process is not killed: the engine has no means for that. */
  close(): void;
}

export interface RunningContainer {
  readonly id: string;
  /** Starts a process. A container that has ended refuses with a 409. */
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession>;
  /**
   * Waits for the end, however long it takes. Fails with an EngineLostError when the engine goes away, also when that is
   * what ended the container, and with a ContainerGoneError when the container was removed while it ran.
   */
  wait(signal: AbortSignal): Promise<StoppedContainer>;
  /**
   * Calls back about once a second, from one second on at the earliest. May go on after the container's end, so it has
   * to be aborted; rejects with the signal's reason then.
   */
  watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void>;
  /** SIGKILL; harmless when it has ended already. */
  kill(): Promise<void>;
}

/** A container that ended; its file system can be read until it is removed. */
export interface StoppedContainer {
  readonly id: string;
  readonly exitCode: number;
  /**
   * The kernel killed one of its processes for using more memory than the container may, whatever the exit code;
   * undefined: the engine would not tell.
   */
  readonly oomKilled: boolean | undefined;
  /**
   * A tar of `path`; undefined: there is no such path in the container. Fails with a ContainerGoneError when there is no
   * container. Destroy it when not read to its end.
   */
  getArchive(path: string, signal: AbortSignal): Promise<Readable | undefined>;
  /**
   * Where `path` leads when it is a link, through all links on the way, as a path within the container (which nothing
   * may be at); undefined: there is no such path, or it is no link. Fails with a ContainerGoneError as getArchive does.
   */
  linkTarget(path: string, signal: AbortSignal): Promise<string | undefined>;
}
