import type { ExecOutput } from '../../docker/engine.js';
import { displayCommand } from './container-scripts.js';

/** A message from a client. */
export type ClientMessage =
  | { readonly kind: 'stdin'; readonly data: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'resize'; readonly rows: number; readonly columns: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'unknown' };

/** A message to a client. */
export type ServerMessage =
  | ({ readonly kind: 'output' } & ExecOutput)
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stopped'; readonly exitCode: number }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'error'; readonly text: string };

/** An encoding of a shell's data as WebSocket messages. */
export interface ShellProtocol {
  readonly version: 'v1' | 'v2' | 'vnc';
  decode(message: Buffer): ClientMessage;
  /** Returns undefined if the protocol has no such message. */
  encode(message: ServerMessage): Buffer | undefined;
}

/** What a connection's address requests. */
export interface ShellRequest {
  readonly protocol: ShellProtocol;
  readonly tty: boolean;
  /** Empty for a shell. */
  readonly command: readonly string[];
  /** The name of the requested display, as the client wrote it. Absent for a shell or a command. */
  readonly display?: string;
  /** Returns the process's error output in one line, for protocols that do not send it to the client. */
  readonly complaint?: () => string;
}

/** The first byte of a message in version 1, the protocol of docker-exec-websocket-server. */
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

/** x11vnc first prints what is wrong; pages of advice follow. */
const MAX_COMPLAINT_LENGTH = 500;
const UNKNOWN: ClientMessage = { kind: 'unknown' };
const RESIZE_BYTES = 5;

/** Version 1: messages are framed in both directions. */
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
 * Version 2: output is sent unframed; only the client's messages have a type byte. Always a terminal. A resize has rows
 * first: Taskcluster's page sends them in that order, as in version 1.
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

/** Passes the bytes between a VNC server and its client unchanged. */
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

/** Parses the query for a display: its name and further arguments for the VNC server. */
export function displayRequest(query: URLSearchParams, title: string): ShellRequest {
  const display = query.get('display') ?? '';
  const command = display === '' ? [''] : displayCommand(display, title, query.getAll('arg'));
  const protocol = new VncProtocol();
  return { protocol, tty: false, command, display, complaint: () => protocol.complaint };
}

/** Parses the query for a shell. Clients of version 1 always send `command` or `tty`, those of version 2 neither. */
export function shellRequest(query: URLSearchParams): ShellRequest {
  if (!query.has('command') && !query.has('tty')) return { protocol: VERSION_2, tty: true, command: [] };
  return { protocol: VERSION_1, tty: /^true$/i.test(query.get('tty') ?? ''), command: query.getAll('command') };
}

function frame(code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.of(code), data]);
}
