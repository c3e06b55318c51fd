import type { ExecOutput } from '../../docker/engine.js';
import { displayCommand } from './container-scripts.js';

/** What a client says. */
export type ClientMessage =
  | { readonly kind: 'stdin'; readonly data: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'resize'; readonly rows: number; readonly columns: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'unknown' };

/** What a client is told. */
export type ServerMessage =
  | ({ readonly kind: 'output' } & ExecOutput)
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stopped'; readonly exitCode: number }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'error'; readonly text: string };

/** One way to put a shell into the messages of a WebSocket. */
export interface ShellProtocol {
  readonly version: 'v1' | 'v2' | 'vnc';
  decode(message: Buffer): ClientMessage;
  /** undefined: there are no words for it. */
  encode(message: ServerMessage): Buffer | undefined;
}

/** What a connection's address asks for. */
export interface ShellRequest {
  readonly protocol: ShellProtocol;
  readonly tty: boolean;
  /** Empty: a shell. */
  readonly command: readonly string[];
  /** The name of the display that is asked for, as the client gives it. Absent: a shell or a command. */
  readonly display?: string;
  /** What its process has to say of a failure, in one line, where the client is not told. */
  readonly complaint?: () => string;
}

/** The first byte of a message of version 1: that of docker-exec-websocket-server. */
const CODE = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  resize: 50,
  resume: 100,
  pause: 101,
  end: 102,
  stopped: 200,
  shutdown: 201,
  error: 202,
} as const;

/** x11vnc begins with what is wrong; pages of advice follow. */
const MAX_COMPLAINT_LENGTH = 500;
const UNKNOWN: ClientMessage = { kind: 'unknown' };
const RESIZE_BYTES = 5;

/** Framed in both directions. */
export const VERSION_1: ShellProtocol = {
  version: 'v1',
  decode: (message) => {
    const [code = CODE.error] = message;
    switch (code) {
      case CODE.stdin:
        return { kind: 'stdin', data: message.subarray(1) };
      case CODE.end:
        return { kind: 'end' };
      case CODE.pause:
        return { kind: 'pause' };
      case CODE.resume:
        return { kind: 'resume' };
      case CODE.resize: {
        if (message.length < RESIZE_BYTES) return UNKNOWN;
        return { kind: 'resize', rows: message.readUInt16LE(1), columns: message.readUInt16LE(3) };
      }
      default:
        return UNKNOWN;
    }
  },
  encode: (message) => {
    switch (message.kind) {
      case 'output':
        return frame(CODE[message.from], message.data);
      case 'stopped':
        return frame(CODE.stopped, Buffer.of(message.exitCode));
      case 'error':
        return frame(CODE.error, Buffer.from(message.text));
      case 'pause':
      case 'resume':
      case 'shutdown':
        return frame(CODE[message.kind]);
    }
  },
};

const RAW = { stdin: 1, resize: 2 } as const;

/**
 * Output as it is; only what the client sends has a first byte that says what it is. Always a terminal. A resize has
 * rows first: Taskcluster's page sends them in that order, as in version 1.
 */
export const VERSION_2: ShellProtocol = {
  version: 'v2',
  decode: (message) => {
    if (message[0] === RAW.stdin) return { kind: 'stdin', data: message.subarray(1) };
    if (message[0] !== RAW.resize || message.length < RESIZE_BYTES) return UNKNOWN;
    return { kind: 'resize', rows: message.readUInt16LE(1), columns: message.readUInt16LE(3) };
  },
  encode: (message) => (message.kind === 'output' ? message.data : undefined),
};

/** Whatever a VNC server and its client have to say to each other, as it is. */
class VncProtocol implements ShellProtocol {
  readonly version = 'vnc';
  #complaint = '';

  get complaint(): string {
    const lines = this.#complaint.split('\n').map((line) => line.trim());
    return lines.filter(Boolean).join(' | ');
  }

  decode(data: Buffer): ClientMessage {
    return { kind: 'stdin', data };
  }

  encode(message: ServerMessage): Buffer | undefined {
    if (message.kind !== 'output') return undefined;
    if (message.from === 'stdout') return message.data;
    this.#complaint = (this.#complaint + message.data.toString()).slice(0, MAX_COMPLAINT_LENGTH);
    return undefined;
  }
}

/** What a connection for a display asks for: which one, and with what more arguments for the VNC server. */
export function displayRequest(query: URLSearchParams, title: string): ShellRequest {
  const display = query.get('display') ?? '';
  const command = display === '' ? [''] : displayCommand(display, title, query.getAll('arg'));
  const protocol = new VncProtocol();
  return { protocol, tty: false, command, display, complaint: () => protocol.complaint };
}

/** Clients of version 1 always say `command` or `tty`, those of version 2 say nothing. */
export function shellRequest(query: URLSearchParams): ShellRequest {
  if (!query.has('command') && !query.has('tty')) return { protocol: VERSION_2, tty: true, command: [] };
  return { protocol: VERSION_1, tty: /^true$/i.test(query.get('tty') ?? ''), command: query.getAll('command') };
}

function frame(code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.of(code), data]);
}
