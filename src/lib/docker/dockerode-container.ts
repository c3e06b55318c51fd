import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Container } from 'dockerode';
import { untilAborted } from '../util/abortable.js';
import { retry } from '../util/retry.js';
import { archiveStream } from './archive-stream.js';
import { call } from './call.js';
import { usageOf } from './container-usage.js';
import type { EngineStats } from './container-usage.js';
import { dockerErrorOf, hasStatus, startError } from './docker-error.js';
import { startExec } from './dockerode-exec.js';
import { DockerError } from './engine.js';
import type {
  ContainerUsage,
  CreatedContainer,
  ExecSession,
  ExecSpec,
  RunningContainer,
  StoppedContainer,
} from './engine.js';
import { Gulps } from './gulps.js';
import { linesOf } from './lines-of.js';

const CALL_TIMEOUT_MS = 60_000;
/** For calls that may have to wait until the engine has mounted, or unmounted, the container's files. */
const SLOW_CALL_TIMEOUT_MS = 300_000;
// By count: an engine that can't kill for some seconds is broken, and the container's removal is retried later.
const KILL_RETRIES = { attempts: 4, firstDelayMs: 250, maxDelayMs: 2000, randomization: 0 };

interface ContainerFacts {
  /** The kernel may kill its processes for memory though the machine has enough. */
  readonly isMemoryLimited: boolean;
}

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
    const options = { stream: true, stdout: true, stderr: true, hijack: true };
    const attach = (abortSignal: AbortSignal) => this.#container.attach({ ...options, abortSignal });
    const stream = await call('attaching to the container', CALL_TIMEOUT_MS, attach, signal);
    const copy = async (): Promise<void> => {
      try {
        // Aborting the request does not close a connection that was taken over.
        await pipeline(new Gulps(stream as unknown as Duplex), output, { end: false, signal });
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
      await call(what, SLOW_CALL_TIMEOUT_MS, (abortSignal) => this.#container.start({ abortSignal }));
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
      const StatusCode = await untilAborted(exitOf(this.#container, signal), signal);
      return new DockerodeStoppedContainer(this.#container, StatusCode, await this.#oomKilled(StatusCode));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw dockerErrorOf('waiting for the end of the container', error);
    }
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession> {
    return await startExec(this.#container, spec, signal);
  }

  async watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void> {
    const what = 'reading the usage of the container';
    const options = { stream: true as const, abortSignal: signal };
    const stream = await call(what, CALL_TIMEOUT_MS, () => this.#container.stats(options), signal);
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
        await call('killing the container', CALL_TIMEOUT_MS, (abortSignal) => this.#container.kill({ abortSignal }));
      } catch (error) {
        // 404: gone; 409: not running any more.
        if (!hasStatus(error, 404, 409)) throw error;
      }
    };
    const isTransient = (error: unknown): boolean => error instanceof DockerError && error.isTransient;
    await retry(KILL_RETRIES, { isTransient }, kill, new AbortController().signal);
  }

  async #oomKilled(exitCode: number): Promise<boolean | undefined> {
    // A success needs no explanation, unless one of its processes may be missing: that saves a call for most tasks.
    if (exitCode === 0 && !this.#facts.isMemoryLimited) return false;
    const inspect = (abortSignal: AbortSignal) => this.#container.inspect({ abortSignal });
    try {
      const { State } = await call('inspecting the container', CALL_TIMEOUT_MS, inspect);
      return State.OOMKilled;
    } catch {
      // It only explains how the task ended, which is known: not worth losing that and the artifacts.
      return undefined;
    }
  }
}

/**
 * The exit code, once there is one. The answer is read as a stream because the engine sends its head at once: without
 * that docker-modem never notices that an engine died while it was waited for. No condition is given, as `next-exit`
 * sent together with start can miss the exit and hang for ever.
 */
async function exitOf(container: Container, abortSignal: AbortSignal): Promise<number> {
  const modem = container.modem as { dial(options: object, callback: (error: unknown, body: Readable) => void): void };
  const dial = promisify(modem.dial.bind(modem));
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  const path = `/containers/${container.id}/wait`;
  const body = await dial({ path, method: 'POST', isStream: true, statusCodes, abortSignal });
  const { StatusCode } = (await json(body)) as { readonly StatusCode: number };
  return StatusCode;
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
      return archiveStream(what, (await call(what, SLOW_CALL_TIMEOUT_MS, get, signal)) as unknown as IncomingMessage);
    } catch (error) {
      throwUnlessMissing(error);
      return undefined;
    }
  }

  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    const ask = async (): Promise<unknown> => this.#container.infoArchive({ path, abortSignal: signal });
    try {
      const answer = (await call(
        `looking at ${path} in the container`,
        SLOW_CALL_TIMEOUT_MS,
        ask,
        signal,
      )) as IncomingMessage;
      const stat = answer.headers['x-docker-container-path-stat'];
      const text = Buffer.from(typeof stat === 'string' ? stat : '', 'base64').toString();
      const { linkTarget } = JSON.parse(text) as { readonly linkTarget: string };
      return linkTarget === '' ? undefined : linkTarget;
    } catch (error) {
      throwUnlessMissing(error);
      return undefined;
    }
  }
}

/**
 * What is wrong with a path itself is a 500 for the engine, in words that name a path on this machine. Below a file there
 * is nothing; the rest can't change and is said without that path.
 */
function throwUnlessMissing(error: unknown): void {
  const { message } = error as Error;
  if (hasStatus(error, 404) || /not a directory/i.test(message)) return;
  const [, reason] =
    /(invalid argument|file name too long|too many (?:levels of symbolic )?links)/i.exec(message) ?? [];
  if (reason !== undefined) throw new DockerError(reason, 400, { cause: error });
  throw error;
}
