import { closed, exited, refused, runOver } from './shell-end.js';
import type { ShellEnd } from './shell-end.js';
import type { ShellWire } from './shell-wire.js';

export type ShellState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'retrying'; readonly end: ShellEnd; readonly retryMs: number }
  | { readonly kind: 'ended'; readonly end: ShellEnd };

/** What is used of a WebSocket. */
export type Socket = Pick<
  WebSocket,
  'binaryType' | 'readyState' | 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'
>;

export interface ConnectionOptions {
  readonly wire: ShellWire;
  readonly open: () => Socket;
  readonly onState: (state: ShellState) => void;
  readonly onOutput: (data: Uint8Array) => void;
  /** Whether the run has ended, so that no other shell can be had. */
  readonly isRunOver: () => Promise<boolean>;
}

const RETRIES_MS = [1000, 2000, 4000, 8000, 15_000] as const;
/** A connection that lasted so long was a good one: the tries after it count anew. */
const GOOD_MS = 10_000;
/** A paste is sent in pieces, so that the worker can ask to wait in between. */
const PIECE_BYTES = 64 * 1024;
const OPEN = 1;

/** A shell in a task's container. When its connection breaks off, it opens another one, as a shell can't be resumed. */
export class ShellConnection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  #size: { readonly rows: number; readonly columns: number } | undefined;
  /** Input that waits until the worker reads on. */
  #queue: Uint8Array[] = [];
  #isBlocked = false;
  #isOutputPaused = false;
  #end: ShellEnd | undefined;
  #openedAt: number | undefined;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDisposed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Opens a shell; also another one after one has ended. */
  connect(): void {
    clearTimeout(this.#timer);
    this.#drop();
    const { wire, open, onState } = this.#options;
    this.#end = this.#openedAt = undefined;
    this.#queue = [];
    // In version 1 the worker says when it is ready.
    this.#isBlocked = wire.version === 1;
    this.#isOutputPaused = false;
    onState({ kind: 'connecting' });
    const socket = open();
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#openedAt = performance.now();
      onState({ kind: 'open' });
      if (this.#size) this.resize(this.#size.rows, this.#size.columns);
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      this.#receive(data);
    };
    socket.onclose = (event) => {
      void this.#closed(event);
    };
  }

  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Types; what is typed without a connection is lost. */
  type(data: Uint8Array): void {
    if (this.#socket?.readyState !== OPEN) return;
    for (let at = 0; at < data.length; at += PIECE_BYTES) this.#queue.push(data.subarray(at, at + PIECE_BYTES));
    this.#flush();
  }

  resize(rows: number, columns: number): void {
    this.#size = { rows, columns };
    if (rows > 0 && columns > 0) this.#send(this.#options.wire.resize(rows, columns));
  }

  /** Asks the worker to wait with output, or to go on. Returns false if the protocol can't. */
  pauseOutput(isPaused: boolean): boolean {
    const message = this.#options.wire.flow(isPaused);
    if (!message) return false;
    if (isPaused !== this.#isOutputPaused) this.#send(message);
    this.#isOutputPaused = isPaused;
    return true;
  }

  #receive(data: unknown): void {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new TextEncoder().encode(String(data));
    const message = this.#options.wire.decode(bytes);
    switch (message.kind) {
      case 'output':
        this.#options.onOutput(message.data);
        return;
      case 'resume':
      case 'pause':
        this.#isBlocked = message.kind === 'pause';
        this.#flush();
        return;
      case 'stopped':
        this.#end = exited(message.exitCode);
        return;
      case 'shutdown':
        this.#end = runOver();
        return;
      case 'error':
        this.#end = refused(message.text);
        return;
      case 'unknown':
    }
  }

  #flush(): void {
    for (let data = this.#queue[0]; data && !this.#isBlocked; data = this.#queue[0]) {
      this.#queue.shift();
      this.#send(this.#options.wire.input(data));
    }
  }

  #send(message: Uint8Array): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(message as Uint8Array<ArrayBuffer>);
  }

  async #closed(event: { readonly code: number; readonly reason: string }): Promise<void> {
    const { onState, isRunOver } = this.#options;
    const wasOpen = this.#openedAt !== undefined;
    const end = this.#end ?? closed(event, wasOpen);
    this.#drop();
    if (wasOpen && performance.now() - (this.#openedAt ?? 0) >= GOOD_MS) this.#tries = 0;
    const retryMs = RETRIES_MS[this.#tries];
    // The first connection of a page fails for a reason that does not pass.
    if (!end.isBroken || retryMs === undefined || (!wasOpen && this.#tries === 0)) {
      onState({ kind: 'ended', end });
      return;
    }
    const isOver = await isRunOver();
    if (this.#isDisposed || this.#socket) return;
    if (isOver) {
      onState({ kind: 'ended', end: runOver() });
      return;
    }
    this.#tries++;
    onState({ kind: 'retrying', end, retryMs });
    this.#timer = setTimeout(() => {
      this.connect();
    }, retryMs);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
