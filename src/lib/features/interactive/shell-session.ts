import type { WebSocket } from 'ws';
import type { ExecOutput, ExecSession } from '../../docker/engine.js';
import { AutoResetEvent } from '../../util/auto-reset-event.js';
import type { ServerMessage, ShellProtocol } from './shell-protocol.js';

/** Unread stdin at which the client is asked to pause, and at which the worker stops reading from it. */
const PAUSE_BYTES = 1024 * 1024;
const STOP_READING_BYTES = 8 * 1024 * 1024;
/** The cost of each stdin message in addition to its bytes; it may be empty. */
const MESSAGE_BYTES = 256;
// Clients of version 1 stop by themselves with 8 MiB in transit, and continue only after a `resume`.
const RESUME_EVERY_BYTES = 1024 * 1024;
/** The byte that a terminal's keyboard sends for end of input (^D). */
const END_OF_INPUT = '\x04';
/** Close codes of WebSockets (RFC 6455). */
const CLOSE = { normal: 1000, goingAway: 1001, internalError: 1011, tryLater: 1013 } as const;
/** The longest reason that fits into a close frame. */
const MAX_REASON_BYTES = 120;

/** How a session ended. `exitCode` is undefined if the client left or the container ended first. */
export interface SessionEnd {
  readonly exitCode: number | undefined;
  /** Whether the client left while the process was running. */
  readonly isAbandoned: boolean;
}

interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The engine creates terminals of 0 x 0, in which editors and pagers do not work. Clients may never send a size. */
const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };

/** Tells a client why it can't have a session. */
export function refuse(socket: WebSocket, protocol: ShellProtocol, text: string): void {
  // Further messages and errors of this client do not matter.
  socket.on('error', () => undefined);
  closeSocket(socket, protocol, { kind: 'error', text }, CLOSE.tryLater);
}

/**
 * Connects a client to a process. Memory use is bounded: output is read only as fast as the client accepts it, and a
 * client that sends more than the process reads has to wait.
 */
export class ShellSession {
  readonly #socket: WebSocket;
  readonly #protocol: ShellProtocol;
  readonly #tty: boolean;
  readonly #changed = new AutoResetEvent();
  #exec: ExecSession | undefined;
  #isClientPaused = false;
  /** Whether the process reads its input too slowly. */
  #isInputBlocked = false;
  #receivedSinceResume = 0;
  /** Input that the process has not read yet. */
  #unreadBytes = 0;
  #wantedSize: TerminalSize | undefined;
  #isResizing = false;
  #hasReportedNoTerminal = false;
  #isGone = false;
  #isShutDown = false;

  /** Messages of the client are not read before `run`. */
  constructor(socket: WebSocket, protocol: ShellProtocol, tty: boolean) {
    this.#socket = socket;
    this.#protocol = protocol;
    this.#tty = tty;
    socket.pause();
    socket.on('message', (data: Buffer) => {
      this.#receive(data);
    });
    // A `close` event follows.
    socket.on('error', () => undefined);
  }

  /**
   * Passes on data until the process has ended or the client has left. In the latter case `onAbandoned` must end the
   * process; its output is read until then.
   */
  async run(exec: ExecSession, onAbandoned: () => void, signal: AbortSignal): Promise<SessionEnd> {
    this.#exec = exec;
    const leave = (): void => {
      this.#isGone = true;
      this.#changed.call();
      if (!this.#isShutDown) onAbandoned();
    };
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.once('close', leave);
    else leave();
    if (this.#tty) this.#resize(exec, DEFAULT_SIZE);
    this.#socket.resume();
    await this.#send({ kind: 'resume' });
    const exitCode = await this.#exitCode(exec, signal);
    this.#socket.off('close', leave);
    const isAbandoned = this.#isGone && !this.#isShutDown;
    if (exitCode !== undefined && !this.#isShutDown) {
      this.#endWith({ kind: 'stopped', exitCode }, CLOSE.normal, `exit code ${exitCode}`);
    }
    exec.close();
    return { exitCode: isAbandoned ? undefined : exitCode, isAbandoned };
  }

  /** Ends the session because the process could not be started, or was lost. */
  fail(text: string): void {
    this.#endWith({ kind: 'error', text }, CLOSE.internalError, text);
    this.#exec?.close();
  }

  /** Ends the session because the run is over. */
  shutDown(): void {
    this.#isShutDown = true;
    this.#endWith({ kind: 'shutdown' }, CLOSE.goingAway, 'the task has ended');
    this.#exec?.close();
    this.#changed.call();
  }

  /** Returns undefined if the container ended first. */
  async #exitCode(exec: ExecSession, signal: AbortSignal): Promise<number | undefined> {
    try {
      for await (const output of exec.output) await this.#pass(output);
      return await exec.exitCode(signal);
    } catch (error) {
      if (this.#isShutDown || signal.aborted) return undefined;
      throw error;
    }
  }

  async #pass(output: ExecOutput): Promise<void> {
    // While input is blocked, the client's `resume` may be stuck behind it, so output must be sent despite its `pause`.
    while (this.#isClientPaused && !this.#isInputBlocked && !this.#isGone && !this.#isShutDown) {
      await this.#changed.wait(NEVER);
    }
    if (!this.#isGone) await this.#send({ kind: 'output', ...output });
  }

  #receive(data: Buffer): void {
    const exec = this.#exec;
    if (!exec || this.#isShutDown) return;
    const message = this.#protocol.decode(data);
    switch (message.kind) {
      case 'stdin':
        this.#take(exec, message.data);
        return;
      case 'end':
        if (this.#tty) this.#take(exec, Buffer.from(END_OF_INPUT));
        else exec.stdin.end();
        return;
      case 'resize':
        this.#resize(exec, message);
        return;
      case 'pause':
      case 'resume':
        this.#isClientPaused = message.kind === 'pause';
        this.#changed.call();
        return;
      case 'unknown':
    }
  }

  #take(exec: ExecSession, data: Buffer): void {
    const { stdin } = exec;
    if (stdin.writableEnded || stdin.destroyed) return;
    this.#receivedSinceResume += data.length;
    const costBytes = data.length + MESSAGE_BYTES;
    this.#unreadBytes += costBytes;
    stdin.write(data, () => {
      this.#unreadBytes -= costBytes;
      if (this.#unreadBytes === 0) this.#inputDrained();
    });
    if (this.#unreadBytes >= STOP_READING_BYTES) this.#socket.pause();
    if (this.#unreadBytes >= PAUSE_BYTES && !this.#isInputBlocked) {
      this.#isInputBlocked = true;
      this.#changed.call();
      void this.#send({ kind: 'pause' });
    }
    if (!this.#isInputBlocked && this.#receivedSinceResume >= RESUME_EVERY_BYTES) this.#sendResume();
  }

  #inputDrained(): void {
    if (!this.#isInputBlocked) return;
    this.#isInputBlocked = false;
    this.#socket.resume();
    this.#sendResume();
  }

  #sendResume(): void {
    this.#receivedSinceResume = 0;
    void this.#send({ kind: 'resume' });
  }

  #resize(exec: ExecSession, size: TerminalSize): void {
    if (this.#tty) {
      // Pages that are not visible yet report no rows or columns: the terminal keeps its size.
      if (size.rows === 0 || size.columns === 0) return;
      this.#wantedSize = size;
      if (!this.#isResizing) void this.#followSize(exec);
    } else if (!this.#hasReportedNoTerminal) {
      this.#hasReportedNoTerminal = true;
      void this.#send({ kind: 'error', text: 'The session has no terminal to resize.' });
    }
  }

  /** Sets one size at a time, so that the last one stays; outdated sizes are skipped. */
  async #followSize(exec: ExecSession): Promise<void> {
    this.#isResizing = true;
    for (let size = this.#wantedSize; size && !this.#isGone; size = this.#wantedSize) {
      this.#wantedSize = undefined;
      // On failure the session continues in a terminal of the wrong size.
      await exec.resize(size.rows, size.columns).catch(() => undefined);
    }
    this.#isResizing = false;
  }

  /** Resolves when the message was sent, or the client is gone. */
  #send(message: ServerMessage): Promise<void> {
    const bytes = this.#protocol.encode(message);
    if (!bytes || this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.send(bytes, () => {
        resolve();
      });
    });
  }

  #endWith(message: ServerMessage, code: number, reason: string): void {
    closeSocket(this.#socket, this.#protocol, message, code, reason);
  }
}

const NEVER = new AbortController().signal;

function closeSocket(
  socket: WebSocket,
  protocol: ShellProtocol,
  message: ServerMessage,
  code: number,
  reason = message.kind === 'error' ? message.text : '',
): void {
  const bytes = protocol.encode(message);
  if (bytes && socket.readyState === socket.OPEN) socket.send(bytes, () => undefined);
  // Resumed so that the client's close frame is read; earlier messages are ignored.
  socket.resume();
  socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES));
}
