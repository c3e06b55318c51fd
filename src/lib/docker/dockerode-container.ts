import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Container } from 'dockerode';
import { isRetryable } from '../outcome/service-error.js';
import { TimeoutError, untilAborted } from '../util/abortable.js';
import { retry } from '../util/retry.js';
import { archiveStream } from './archive-stream.js';
import { dockerCall } from './docker-call.js';
import { usageOf } from './container-usage.js';
import type { EngineStats } from './container-usage.js';
import { dockerErrorOf, hasStatus, startError } from './docker-error.js';
import type { Docker } from './dockerode.js';
import { startExec } from './dockerode-exec.js';
import { ContainerGoneError, DockerError, EngineLostError } from './engine.js';
import type {
  ContainerUsage,
  CreatedContainer,
  ExecSession,
  ExecSpec,
  RunningContainer,
  StoppedContainer,
} from './engine.js';
import { CoalescingReader } from './coalescing-reader.js';
import { linesOf } from './lines-of.js';

const CALL_TIMEOUT_MS = 60_000;
/** For calls that may have to wait until the engine has mounted, or unmounted, the container's files. */
const SLOW_CALL_TIMEOUT_MS = 300_000;
// By count: an engine that can't kill for some seconds is broken, and the container's removal is retried later.
const KILL_RETRIES = { attempts: 4, firstDelayMs: 250, maxDelayMs: 2000, randomization: 0 };

interface ContainerFacts {
  /** The kernel may kill its processes for memory though the machine has enough. */
  readonly isMemoryLimited: boolean;
  /** The same engine, by a connection that is made for each call. */
  readonly anew: Docker;
}

/** What SIGKILL leaves, and so `docker rm -f` and an engine that is shut down. */
const KILLED = 128 + 9;

/** A container between create and start. */
export class DockerodeCreatedContainer implements CreatedContainer {
  readonly #container: Container;
  readonly #facts: ContainerFacts;

  constructor(container: Container, facts: ContainerFacts) {
    this.#container = container;
    this.#facts = facts;
  }

  get id(): string {
    return this.#container.id;
  }

  async attach(output: Writable, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }> {
    // The connection is taken over: the output comes from the socket itself, without node's HTTP client in between.
    const attach = (abortSignal: AbortSignal) => attachTo(this.#container, abortSignal);
    const stream = await dockerCall('attaching to the container', CALL_TIMEOUT_MS, attach, signal);
    const copy = async (): Promise<void> => {
      try {
        // Aborting the request does not close a connection that was taken over.
        await pipeline(new CoalescingReader(stream), output, { end: false, signal });
        await written(output);
      } catch (error) {
        if (!signal.aborted) throw dockerErrorOf('reading the output of the container', error);
      }
      // It fails with the signal's reason, not with what that made of the pipeline.
      signal.throwIfAborted();
    };
    const drained = copy();
    // Whoever waits for the end of the output sees its failure; until then it must not count as unhandled.
    drained.catch(() => undefined);
    return { drained };
  }

  async start(): Promise<RunningContainer> {
    const what = 'starting the container';
    try {
      await dockerCall(what, SLOW_CALL_TIMEOUT_MS, (abortSignal) => this.#container.start({ abortSignal }));
    } catch (error) {
      throw startError(what, error);
    }
    return new DockerodeRunningContainer(this.#container, this.#facts);
  }
}

class DockerodeRunningContainer implements RunningContainer {
  readonly #container: Container;
  readonly #facts: ContainerFacts;

  constructor(container: Container, facts: ContainerFacts) {
    this.#container = container;
    this.#facts = facts;
  }

  get id(): string {
    return this.#container.id;
  }

  async wait(signal: AbortSignal): Promise<StoppedContainer> {
    try {
      const exitCode = await untilAborted(exitOf(this.#container, signal), signal);
      return new DockerodeStoppedContainer(this.#container, exitCode, await this.#oomKilled(exitCode));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (hasStatus(error, 404)) throw new ContainerGoneError();
      throw dockerErrorOf('waiting for the end of the container', error);
    }
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession> {
    return await startExec(this.#container, spec, signal);
  }

  async watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void> {
    const what = 'reading the usage of the container';
    const options = { stream: true as const, abortSignal: signal };
    const stream = await dockerCall(what, CALL_TIMEOUT_MS, () => this.#container.stats(options), signal);
    try {
      for await (const line of linesOf(stream)) {
        signal.throwIfAborted();
        onUsage(usageOf(JSON.parse(line) as EngineStats));
      }
    } catch (error) {
      if (!signal.aborted) throw dockerErrorOf(what, error);
    }
    // An aborted connection looks like the end of the stream.
    signal.throwIfAborted();
  }

  async kill(): Promise<void> {
    const kill = async (): Promise<void> => {
      try {
        await dockerCall('killing the container', CALL_TIMEOUT_MS, (abortSignal) =>
          this.#container.kill({ abortSignal }),
        );
      } catch (error) {
        // 404: gone; 409: not running any more.
        if (!hasStatus(error, 404, 409)) throw error;
      }
    };
    await retry(KILL_RETRIES, { isRetryable }, kill, new AbortController().signal);
  }

  /**
   * What the exit code does not tell. An engine that is being stopped ends its containers and still says how they ended,
   * but takes no new connections by then; one that removes a container for somebody else kills it first.
   */
  async #oomKilled(exitCode: number): Promise<boolean | undefined> {
    // A success needs no explanation, unless one of its processes may be missing: that saves a call for most tasks.
    if (exitCode === 0 && !this.#facts.isMemoryLimited) return false;
    const container = this.#facts.anew.getContainer(this.id);
    const inspect = (abortSignal: AbortSignal) => container.inspect({ abortSignal });
    try {
      const { State } = await dockerCall('inspecting the container', CALL_TIMEOUT_MS, inspect);
      if (State.Status === 'removing' && exitCode === KILLED) throw new ContainerGoneError();
      return State.OOMKilled;
    } catch (error) {
      if (exitCode === KILLED && hasStatus(error, 404)) throw new ContainerGoneError();
      if (error instanceof ContainerGoneError || isEngineDown(error)) throw error;
      // It only explains how the task ended, which is known: not worth losing that and the artifacts.
      return undefined;
    }
  }
}

/** Not merely slow: what it says of a container that has ended holds then too. */
function isEngineDown(error: unknown): boolean {
  return error instanceof EngineLostError && !(error.cause instanceof TimeoutError);
}

/**
 * The exit code, once there is one. The answer is read as a stream because the engine sends its head at once: without
 * that docker-modem never notices that an engine died while it was waited for. No condition is given, as `next-exit`
 * sent together with start can miss the exit and hang for ever.
 */
async function exitOf(container: Container, abortSignal: AbortSignal): Promise<number> {
  const path = `/containers/${container.id}/wait`;
  const body = await dial(container, { path, method: 'POST', isStream: true, statusCodes: STATUS_CODES, abortSignal });
  const answer = await text(body);
  // What a proxy of the engine may make of a connection that was cut.
  if (answer.trim() === '') throw new EngineLostError('waiting for the end of the container: there was no answer');
  const { StatusCode, Error: failure } = JSON.parse(answer) as WaitAnswer;
  if (failure?.Message) throw new DockerError(`the container could not be waited for: ${failure.Message}`, undefined);
  return StatusCode;
}

/**
 * The container's output. dockerode would send the options as the body too, and without options in chunks: what is sent
 * behind the head of a connection that is taken over is typed input for Podman, also where stdin is not attached.
 */
async function attachTo(container: Container, abortSignal: AbortSignal): Promise<Duplex> {
  const path = `/containers/${container.id}/attach?`;
  const options = { stream: true, stdout: true, stderr: true };
  const empty = { file: Buffer.alloc(0), headers: { 'Content-Type': 'text/plain' } };
  const call = { path, method: 'POST', isStream: true, hijack: true, options, ...empty };
  return await dial<Duplex>(container, { ...call, statusCodes: STATUS_CODES, abortSignal });
}

/** A pipeline that leaves its last stream open is over before that has written what it still holds. */
async function written(output: Writable): Promise<void> {
  if (output.writableLength === 0) return;
  await new Promise<void>((resolve, reject) => {
    output.write(Buffer.alloc(0), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

const STATUS_CODES = { 200: true, 404: 'no such container', 500: 'server error' };

/** docker-modem itself, for what dockerode's own methods can't be told. */
async function dial<T extends Readable>(container: Container, options: object): Promise<T> {
  const modem = container.modem as { dial(options: object, callback: (error: unknown, body: T) => void): void };
  return await promisify(modem.dial.bind(modem))(options);
}

interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

class DockerodeStoppedContainer implements StoppedContainer {
  readonly #container: Container;
  readonly exitCode: number;
  readonly oomKilled: boolean | undefined;

  constructor(container: Container, exitCode: number, oomKilled: boolean | undefined) {
    this.#container = container;
    this.exitCode = exitCode;
    this.oomKilled = oomKilled;
  }

  get id(): string {
    return this.#container.id;
  }

  async getArchive(path: string, signal: AbortSignal): Promise<Readable | undefined> {
    const what = `reading ${path} from the container`;
    const get = () => this.#container.getArchive({ path, abortSignal: signal });
    try {
      return archiveStream(
        what,
        (await dockerCall(what, SLOW_CALL_TIMEOUT_MS, get, signal)) as unknown as IncomingMessage,
      );
    } catch (error) {
      await this.#throwUnlessMissing(error);
      return undefined;
    }
  }

  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    const ask = async (): Promise<unknown> => this.#container.infoArchive({ path, abortSignal: signal });
    try {
      const answer = (await dockerCall(
        `looking at ${path} in the container`,
        SLOW_CALL_TIMEOUT_MS,
        ask,
        signal,
      )) as IncomingMessage;
      const stat = answer.headers['x-docker-container-path-stat'];
      const decoded = Buffer.from(typeof stat === 'string' ? stat : '', 'base64').toString();
      const { linkTarget } = JSON.parse(decoded) as { readonly linkTarget: string };
      return linkTarget === '' ? undefined : linkTarget;
    } catch (error) {
      await this.#throwUnlessMissing(error);
      return undefined;
    }
  }

  async #throwUnlessMissing(error: unknown): Promise<void> {
    if (!hasStatus(error, 404)) throwUnlessBelowFile(error);
    // The same status stands for a file and for the container; the words differ from engine to engine, and a HEAD has none.
    else await this.#mustExist();
  }

  async #mustExist(): Promise<void> {
    const inspect = (abortSignal: AbortSignal) => this.#container.inspect({ abortSignal });
    try {
      await dockerCall('inspecting the container', CALL_TIMEOUT_MS, inspect);
    } catch (error) {
      throw hasStatus(error, 404) ? new ContainerGoneError() : error;
    }
  }
}

/**
 * What is wrong with a path itself is a 500 for the engine, in words that name a path on this machine. Below a file there
 * is nothing; the rest can't change and is said without that path.
 */
function throwUnlessBelowFile(error: unknown): void {
  const { message, status } = error as DockerError;
  if (/not a directory/i.test(message)) return;
  const [, reason] =
    /(invalid argument|file name too long|too many (?:levels of symbolic )?links)/i.exec(message) ?? [];
  if (reason !== undefined) throw new DockerError(reason, status, { cause: error, retryable: false });
  throw error;
}
