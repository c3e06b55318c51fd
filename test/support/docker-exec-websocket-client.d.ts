/** What the tests use of the client of version 1. */
declare module 'docker-exec-websocket-client' {
  import type { Readable, Writable } from 'node:stream';
  import type { ClientOptions, WebSocket } from 'ws';

  interface FramedClientOptions {
    readonly url: string;
    readonly tty: boolean;
    readonly command: readonly string[] | string;
    readonly wsopts?: ClientOptions;
  }

  export class DockerExecClient {
    readonly stdin: Writable;
    readonly stdout: Readable;
    readonly stderr: Readable;
    readonly socket: WebSocket;
    constructor(options: FramedClientOptions);
    execute(): Promise<void>;
    resize(rows: number, columns: number): void;
    on(event: 'exit', listener: (code: number) => void): this;
    on(event: 'error', listener: (error: unknown) => void): this;
    on(event: 'shutdown', listener: () => void): this;
  }
}
