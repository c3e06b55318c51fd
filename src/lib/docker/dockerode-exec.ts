import type { Duplex } from 'node:stream';
import { Writable } from 'node:stream';
import { delay } from '../util/abortable.js';
import { unlessStatus } from './docker-client.js';
import type { DockerClient } from './docker-client.js';
import { dockerErrorOf } from './docker-error.js';
import { DockerError } from './engine.js';
import type { ExecOutput, ExecSession, ExecSpec } from './engine.js';
import { demultiplex } from './exec-output.js';

// The engine answers before the process is there, and cuts the stream before it knows the exit code.
const POLL_MS = 50;
const POLLS = 100;
const START_POLLS = 1200;

/** Starts a process in a running container; fails with a DockerError, or with the signal's reason. */
export async function startExec(
  { client, id }: { readonly client: DockerClient; readonly id: string },
  { command, tty, env = {}, user }: ExecSpec,
  signal: AbortSignal,
): Promise<ExecSession> {
  const body = {
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
    Cmd: [...command],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(user !== undefined && { User: user }),
  };
  const call = { what: 'starting a process in the container', signal };
  const exec = await client.createExec(id, body, call);
  // Closing its connection in one direction is how the end of stdin is told.
  return new DockerodeExec(client, exec, await client.startExec(exec, tty, call), tty);
}

class DockerodeExec implements ExecSession {
  readonly stdin: Writable;
  readonly output: AsyncIterable<ExecOutput>;
  readonly #client: DockerClient;
  readonly #id: string;
  readonly #connection: Duplex;
  #isOver = false;
  #running: Promise<void> | undefined;

  constructor(client: DockerClient, id: string, connection: Duplex, tty: boolean) {
    this.#client = client;
    this.#id = id;
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
    const resizing = this.#client.resizeExec(this.#id, { h: rows, w: columns }, { what: 'resizing the terminal' });
    // It may have ended meanwhile, and the engine be the first to know.
    await unlessStatus(resizing, 404, 409, 500);
  }

  async exitCode(signal: AbortSignal): Promise<number> {
    const what = 'asking for the exit code of a process';
    for (let poll = 0; poll < POLLS; poll++) {
      const { Running, ExitCode } = await this.#client.inspectExec(this.#id, { what, signal });
      if (!Running && ExitCode !== null) return ExitCode;
      await delay(POLL_MS, signal);
    }
    throw new DockerError(`${what}: it has not ended, but its output has`, undefined);
  }

  /** A terminal is resized in vain, and without a word, when its process is not there yet. */
  async #untilRunning(signal: AbortSignal): Promise<void> {
    const what = 'looking at a process in the container';
    for (let poll = 0; poll < START_POLLS && !this.#isOver; poll++) {
      const { Pid } = await this.#client.inspectExec(this.#id, { what, signal });
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
