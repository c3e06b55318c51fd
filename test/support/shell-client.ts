import assert from 'node:assert/strict';
import { once } from 'node:events';
import { DockerExecClient } from 'docker-exec-websocket-client';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';

export interface Framed {
  readonly client: DockerExecClient;
  /** What has come so far. */
  readonly printed: { stdout: string; stderr: string };
  readonly exitCode: Promise<number>;
  /** What the server calls an error, once it does. */
  readonly error: Promise<string>;
  /** Resolves when stdout holds `text`. */
  readonly sees: (text: string) => Promise<void>;
}

/** Connects by version 1 of the protocol, and reads all output unless told not to. */
export async function framed(
  url: string,
  command: readonly string[] | string,
  { tty = false, reads = true, wsopts = {} }: { tty?: boolean; reads?: boolean; wsopts?: ClientOptions } = {},
): Promise<Framed> {
  const client = new DockerExecClient({ url, tty, command, wsopts });
  const printed = { stdout: '', stderr: '' };
  const looks = new Set<() => void>();
  const exitCode = new Promise<number>((resolve) => {
    client.on('exit', resolve);
  });
  const error = new Promise<string>((resolve) => {
    client.on('error', (text) => {
      resolve(String(text));
    });
  });
  await client.execute();
  if (reads) {
    for (const from of ['stdout', 'stderr'] as const) {
      client[from].on('data', (data: Buffer) => {
        printed[from] += data.toString();
        for (const look of looks) look();
      });
    }
  }
  const sees = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (printed.stdout.includes(text)) resolve();
      };
      looks.add(look);
      client.socket.addEventListener('close', () => {
        look();
        reject(new Error(`closed before "${text}": ${printed.stdout}`));
      });
      look();
    });
  return { client, printed, exitCode, error, sees };
}

/** A client of version 2: raw output, one byte before what it sends. */
export class RawClient {
  readonly socket: WebSocket;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  text = '';
  readonly #looks = new Set<() => void>();

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer) => {
      this.text += data.toString();
      for (const look of this.#looks) look();
    });
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({
      code: code as number,
      reason: String(reason),
    }));
  }

  async opened(): Promise<this> {
    const failed = this.closed.then(({ code, reason }) => assert.fail(`not opened: ${code} ${reason}`));
    await Promise.race([once(this.socket, 'open'), failed]);
    return this;
  }

  type(text: string): void {
    this.socket.send(Buffer.concat([Buffer.of(1), Buffer.from(text)]));
  }

  resize(rows: number, columns: number): void {
    const message = Buffer.alloc(5, 2);
    message.writeUInt16LE(rows, 1);
    message.writeUInt16LE(columns, 3);
    this.socket.send(message);
  }

  async sees(text: string): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.text.includes(text)) resolve();
      };
      this.#looks.add(look);
      look();
    });
    const missed = this.closed.then(() => {
      assert.ok(this.text.includes(text), `closed before "${text}": ${this.text}`);
    });
    await Promise.race([seen, missed]);
  }
}
