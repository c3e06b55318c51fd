import { Readable, addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isRetryable } from '../outcome/service-error.js';
import { TimeoutError, untilAborted } from '../util/abortable.js';
import type { ProcessIdentity } from '../util/process-identity.js';
import { retry } from '../util/retry.js';
import { usageOf } from './container-usage.js';
import type { EngineStats } from './container-usage.js';
import { SLOW_CALL_TIMEOUT_MS, unlessStatus } from './docker-client.js';
import type { DockerClient } from './docker-client.js';
import { dockerErrorOf, hasStatus, startError } from './docker-error.js';
import { startExec } from './dockerode-exec.js';
import { ContainerGoneError, DockerError, EngineLostError } from './engine.js';
import type {
  ContainerUsage,
  CreatedContainer,
  ExecSession,
  ExecSpec,
  OutputConsumer,
  RunningContainer,
  StoppedContainer,
} from './engine.js';
import { linesOf } from './lines-of.js';
import { OutputKeeper } from './output-keeper.js';
import type { KeptFile } from './output-keeper.js';

// Limited by count: an engine that can't kill for some seconds is broken, and the container's removal is retried later.
const KILL_RETRIES = { attempts: 4, firstDelayMs: 250, maxDelayMs: 2000, randomization: 0 };

/** What the operations of a container need. */
export interface ContainerFacts {
  readonly id: string;
  /** The kernel may kill its processes although the machine has enough memory. */
  readonly isMemoryLimited: boolean;
  readonly client: DockerClient;
  /** The same engine, over a new connection for each call. */
  readonly anew: DockerClient;
}

/** The exit code after SIGKILL, which `docker rm -f` and an engine's shutdown send. */
const KILLED = 128 + 9;

/** A container between create and start. */
export class DockerodeCreatedContainer implements CreatedContainer {
  readonly id: string;
  readonly #facts: ContainerFacts;

  constructor(facts: ContainerFacts) {
    this.id = facts.id;
    this.#facts = facts;
  }

  async attach(
    consume: OutputConsumer,
    signal: AbortSignal,
    file?: KeptFile,
  ): Promise<{ readonly drained: Promise<void>; readonly keeper?: ProcessIdentity }> {
    if (!file) return await attach(this.#facts, consume, signal);
    const { client, id } = this.#facts;
    const connection = await client.attach(id, { what: 'attaching to the container', signal });
    const keeper = await OutputKeeper.start(connection, file);
    return { ...passOn(wholeOf(keeper, signal), consume, signal), keeper: keeper.process };
  }

  async start(): Promise<RunningContainer> {
    const what = 'starting the container';
    try {
      await this.#facts.client.startContainer(this.id, { what, timeoutMs: SLOW_CALL_TIMEOUT_MS });
    } catch (error) {
      throw startError(what, error);
    }
    return new DockerodeRunningContainer(this.#facts);
  }
}

function wholeOf(keeper: OutputKeeper, signal: AbortSignal): Readable {
  const output = async function* (): AsyncGenerator<Buffer, void, undefined> {
    yield* keeper.follow(signal);
    await keeper.assertEndedWell();
  };
  return Readable.from(output(), { objectMode: false });
}

/** Passes what the container prints from now on to `consume`, as CreatedContainer.attach says. */
export async function attach(
  { client, id }: ContainerFacts,
  consume: OutputConsumer,
  signal: AbortSignal,
): Promise<{ readonly drained: Promise<void> }> {
  const stream = await client.attach(id, { what: 'attaching to the container', signal });
  return passOn(stream, consume, signal);
}

/** Passes a stream of output to `consume`. On abort the stream fails, and `drained` rejects with the signal's reason. */
export function passOn(
  stream: Readable,
  consume: OutputConsumer,
  signal: AbortSignal,
): { readonly drained: Promise<void> } {
  const copy = async (): Promise<void> => {
    try {
      // Aborting the request does not close a hijacked connection.
      await consume(addAbortSignal(signal, stream));
    } catch (error) {
      if (!signal.aborted) throw dockerErrorOf('reading the output of the container', error);
    } finally {
      stream.destroy();
    }
    // Throw the signal's reason, not the error that the abort caused in the stream.
    signal.throwIfAborted();
  };
  const drained = copy();
  // The caller that awaits `drained` sees its failure; until then it must not count as unhandled.
  drained.catch(() => undefined);
  return { drained };
}

/** A container that was started, whether it still runs or not. */
export class DockerodeRunningContainer implements RunningContainer {
  readonly id: string;
  readonly #facts: ContainerFacts;

  constructor(facts: ContainerFacts) {
    this.id = facts.id;
    this.#facts = facts;
  }

  async wait(signal: AbortSignal): Promise<StoppedContainer> {
    try {
      const exitCode = await untilAborted(exitOf(this.#facts, signal), signal);
      return new DockerodeStoppedContainer(this.#facts, exitCode, await this.#oomKilled(exitCode));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (hasStatus(error, 404)) throw new ContainerGoneError();
      throw dockerErrorOf('waiting for the end of the container', error);
    }
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession> {
    return await startExec(this.#facts, spec, signal);
  }

  async watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void> {
    const what = 'reading the usage of the container';
    const stream = await this.#facts.client.stats(this.id, { what, signal });
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
      // 404: gone; 409: no longer running.
      await unlessStatus(this.#facts.client.killContainer(this.id, { what: 'killing the container' }), 404, 409);
    };
    await retry(KILL_RETRIES, { isRetryable }, kill, new AbortController().signal);
  }

  /**
   * Returns whether the kernel killed a process for memory, which the exit code does not tell; undefined if the engine
   * does not say. A stopping engine ends its containers and still reports their exit codes, but accepts no new
   * connections by then; an engine that removes a container for another client kills it first.
   */
  async #oomKilled(exitCode: number): Promise<boolean | undefined> {
    // A success needs no explanation, unless one of its processes may have been killed: this saves most tasks a call.
    if (exitCode === 0 && !this.#facts.isMemoryLimited) return false;
    try {
      const { State } = await this.#facts.anew.inspectContainer(this.id, { what: 'inspecting the container' });
      if (State.Status === 'removing' && exitCode === KILLED) throw new ContainerGoneError();
      return State.OOMKilled;
    } catch (error) {
      if (exitCode === KILLED && hasStatus(error, 404)) throw new ContainerGoneError();
      if (error instanceof ContainerGoneError || isEngineDown(error)) throw error;
      // The call only explains a known exit code: that and the artifacts are worth more.
      return undefined;
    }
  }
}

/** Returns whether the engine is down, and not merely slow: a slow engine's exit codes are valid. */
function isEngineDown(error: unknown): boolean {
  return error instanceof EngineLostError && !(error.cause instanceof TimeoutError);
}

/** Waits for the exit code, without a condition: `next-exit` sent together with start can miss it and hang forever. */
async function exitOf({ client, id }: ContainerFacts, signal: AbortSignal): Promise<number> {
  const answer = await text(await client.waitForContainer(id, signal));
  // A proxy of the engine may answer like this when the connection is cut.
  if (answer.trim() === '') throw new EngineLostError('waiting for the end of the container: the answer is empty');
  const { StatusCode, Error: failure } = JSON.parse(answer) as WaitAnswer;
  if (failure?.Message) throw new DockerError(`waiting for the end of the container: ${failure.Message}`, undefined);
  return StatusCode;
}

interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

/** A container that has ended. */
export class DockerodeStoppedContainer implements StoppedContainer {
  readonly id: string;
  readonly #client: DockerClient;
  readonly exitCode: number;
  readonly oomKilled: boolean | undefined;

  constructor({ id, client }: ContainerFacts, exitCode: number, oomKilled: boolean | undefined) {
    this.id = id;
    this.#client = client;
    this.exitCode = exitCode;
    this.oomKilled = oomKilled;
  }

  async getArchive(path: string, signal: AbortSignal): Promise<Readable | undefined> {
    const call = { what: `reading ${path} from the container`, timeoutMs: SLOW_CALL_TIMEOUT_MS, signal };
    try {
      return await this.#client.getArchive(this.id, path, call);
    } catch (error) {
      await this.#throwUnlessMissing(error);
      return undefined;
    }
  }

  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    const call = { what: `inspecting ${path} in the container`, timeoutMs: SLOW_CALL_TIMEOUT_MS, signal };
    try {
      return (await this.#client.linkTarget(this.id, path, call)) || undefined;
    } catch (error) {
      await this.#throwUnlessMissing(error);
      return undefined;
    }
  }

  async #throwUnlessMissing(error: unknown): Promise<void> {
    if (!hasStatus(error, 404)) throwUnlessBelowFile(error);
    // A 404 may mean the file or the container; the messages differ from engine to engine, and a HEAD has none.
    else await this.#mustExist();
  }

  async #mustExist(): Promise<void> {
    try {
      await this.#client.inspectContainer(this.id, { what: 'inspecting the container' });
    } catch (error) {
      throw hasStatus(error, 404) ? new ContainerGoneError() : error;
    }
  }
}

/**
 * Throws, unless the path is below a file, where nothing can exist. The engine answers a bad path with a 500 and a
 * message that names a path on this machine; such errors are final, and are thrown without that path.
 */
function throwUnlessBelowFile(error: unknown): void {
  const { message, status } = error as DockerError;
  if (/not a directory/i.test(message)) return;
  const [, reason] =
    /(invalid argument|file name too long|too many (?:levels of symbolic )?links)/i.exec(message) ?? [];
  if (reason !== undefined) throw new DockerError(reason, status, { cause: error, retryable: false });
  throw error;
}
