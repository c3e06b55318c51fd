import type { ExecOutput } from '../../docker/engine.js';

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

/** One way to put what a process reads and prints into the messages of a WebSocket. */
export interface SessionProtocol {
  readonly version: 'v1' | 'v2' | 'vnc';
  decode(message: Buffer): ClientMessage;
  /** undefined: there are no words for it. */
  encode(message: ServerMessage): Buffer | undefined;
}
