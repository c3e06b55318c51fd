import type { Duplex } from 'node:stream';
import { Writable } from 'node:stream';
import type { Container, Exec } from 'dockerode';
import { delay } from '../util/abortable.js';
import { inBody, inUrl } from './call-options.js';
import { dockerCall } from './docker-call.js';
import { dockerErrorOf, hasStatus } from './docker-error.js';
import { DockerError } from './engine.js';
import type { ExecOutput, ExecSession, ExecSpec } from './engine.js';
import { demultiplex } from './exec-output.js';

const CALL_TIMEOUT_MS = 60_000;
// The engine answers before the process is there, and cuts the stream before it knows the exit code.
const POLL_MS = 50;
const POLLS = 100;
const START_POLLS = 1200;

/** Starts a process in a running container; fails with a DockerError, or with the signal's reason. */
export async function startExec(container: Container, spec: ExecSpec, signal: AbortSignal): Promise<ExecSession> {
  const { command, tty, env = {}, user } = spec;
  const create = (abortSignal: AbortSignal): Promise<Exec> =>
    container.exec({
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: tty,
      Cmd: [...command],
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...(user !== undefined && { User: user }),
      abortSignal,
    });
  const what = 'starting a process in the container';
  const exec = await dockerCall(what, CALL_TIMEOUT_MS, create, signal);
  // A connection of its own, which can be closed in one direction: that is how the end of stdin is told.
  const start = (abortSignal: AbortSignal): Promise<Duplex> =>
    exec.start({ hijack: true, stdin: true, ...inBody({ Tty: tty, Detach: false }), abortSignal });
  return new DockerodeExec(exec, await dockerCall(what, CALL_TIMEOUT_MS, start, signal), tty);
}

class DockerodeExec implements ExecSession {
  readonly stdin: Writable;
  readonly output: AsyncIterable<ExecOutput>;
  readonly #exec: Exec;
  readonly #connection: Duplex;
  #isOver = false;
  #running: Promise<void> | undefined;

  constructor(exec: Exec, connection: Duplex, tty: boolean) {
    this.#exec = exec;
    this.#connection = connection;
    // A cut connection is noticed by whoever reads the output.
    connection.on('error', () => undefined);
    this.stdin = stdinOf(connection, tty);
    this.output = this.#read(tty);
  }

  async resize(rows: number, columns: number): Promise<void> {
    const { signal } = new AbortController();
    this.#running ??= this.#untilRunning(signal);
    await this.#running;
    if (this.#isOver) return;
    const resize = (abortSignal: AbortSignal): Promise<unknown> =>
      this.#exec.resize({ ...inUrl({ h: rows, w: columns }), abortSignal });
    try {
      await dockerCall('resizing the terminal', CALL_TIMEOUT_MS, resize);
    } catch (error) {
      // It may have ended meanwhile, and the engine be the first to know. 201 is what Podman answers when all is well.
      if (!hasStatus(error, 201, 404, 409, 500)) throw error;
    }
  }

  async exitCode(signal: AbortSignal): Promise<number> {
    const what = 'asking for the exit code of a process';
    for (let poll = 0; poll < POLLS; poll++) {
      const inspect = (abortSignal: AbortSignal) => this.#exec.inspect({ abortSignal });
      const { Running, ExitCode } = await dockerCall(what, CALL_TIMEOUT_MS, inspect, signal);
      if (!Running && ExitCode !== null) return ExitCode;
      await delay(POLL_MS, signal);
    }
    throw new DockerError(`${what}: it has not ended, but its output has`, undefined);
  }

  /** A terminal is resized in vain, and without a word, when its process is not there yet. */
  async #untilRunning(signal: AbortSignal): Promise<void> {
    for (let poll = 0; poll < START_POLLS && !this.#isOver; poll++) {
      const inspect = (abortSignal: AbortSignal) => this.#exec.inspect({ abortSignal });
      const { Pid } = await dockerCall('looking at a process in the container', CALL_TIMEOUT_MS, inspect, signal);
      if (Pid > 0) return;
      await delay(POLL_MS, signal);
    }
  }

  close(): void {
    this.#isOver = true;
    this.#connection.destroy();
  }

  async *#read(tty: boolean): AsyncGenerator<ExecOutput, void, undefined> {
    const connection = this.#connection as AsyncIterable<Buffer>;
    try {
      if (!tty) {
        yield* demultiplex(connection);
        return;
      }
      for await (const data of connection) yield { from: 'stdout', data };
    } catch (error) {
      throw dockerErrorOf('reading the output of a process', error);
    } finally {
      this.#isOver = true;
    }
  }
}

/** The writing half. What comes after the end of the process is dropped. */
function stdinOf(connection: Duplex, tty: boolean): Writable {
  const unlessGone = (action: (done: () => void) => void, callback: () => void): void => {
    if (connection.destroyed || connection.writableEnded) callback();
    else {
      // Destroyed with data in it, a stream calls back too, with an error.
      action(callback);
    }
  };
  return new Writable({
    write: (data: Buffer, _encoding, callback) => {
      unlessGone(
        (done) =>
          connection.write(data, () => {
            done();
          }),
        callback,
      );
    },
    final: (callback) => {
      if (tty) callback();
      else
        unlessGone(
          (done) =>
            connection.end(() => {
              done();
            }),
          callback,
        );
    },
  });
}
