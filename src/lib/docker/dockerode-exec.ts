import type { Duplex } from 'node:stream';
import { Writable } from 'node:stream';
import { delay } from '../util/abortable.js';
import { unlessStatus } from './docker-client.js';
import type { DockerClient } from './docker-client.js';
import { dockerErrorOf } from './docker-error.js';
import { DockerError } from './engine.js';
import type { ExecOutput, ExecSession, ExecSpec } from './engine.js';
import { demultiplex } from './exec-output.js';

// The engine answers before the process exists, and closes the stream before it knows the exit code.
const POLL_MS = 50;
const POLLS = 100;
const START_POLLS = 1200;

/** Starts a process in a running container; throws a DockerError, or the signal's reason. */
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
  // Half-closing the connection signals the end of stdin.
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
    // The reader of the output notices a cut connection.
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
    // The process may have ended already, and only the engine knows yet.
    await unlessStatus(resizing, 404, 409, 500);
  }

  async exitCode(signal: AbortSignal): Promise<number> {
    const what = 'reading the exit code of a process';
    for (let poll = 0; poll < POLLS; poll++) {
      const { Running, ExitCode } = await this.#client.inspectExec(this.#id, { what, signal });
      if (!Running && ExitCode !== null) return ExitCode;
      await delay(POLL_MS, signal);
    }
    throw new DockerError(`${what}: its output has ended, but it has not`, undefined);
  }

  /** Waits until the process runs. The engine silently ignores a resize before that. */
  async #untilRunning(signal: AbortSignal): Promise<void> {
    const what = 'inspecting a process in the container';
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

/** Returns the writing half of the connection. Input after the end of the process is dropped. */
function stdinOf(connection: Duplex, tty: boolean): Writable {
  const unlessGone = (action: (done: () => void) => void, callback: () => void): void => {
    if (connection.destroyed || connection.writableEnded) callback();
    else {
      // A stream that is destroyed with data in it calls back too, with an error.
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
