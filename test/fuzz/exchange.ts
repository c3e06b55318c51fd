import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from './expect.js';

const MAX_KEPT_BYTES = 64 * 1024;
const ANSWER = /^HTTP\/1\.1 [1-5]\d\d /;

/** What a server sends back to these bytes, up to 64 KiB of it, until it closes the connection. Never fails. */
export async function exchange(port: number, pieces: readonly Buffer[]): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const kept: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    if (bytes < MAX_KEPT_BYTES) kept.push(chunk);
    bytes += chunk.length;
  });
  // A server may hang up whenever it likes.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket
      .once('close', () => {
        resolve();
      })
      .once('end', () => {
        resolve();
      }),
  );
  for (const piece of pieces) {
    if (socket.writable && !socket.write(piece))
      await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    await new Promise(setImmediate);
  }
  socket.end();
  await closed;
  socket.destroy();
  return Buffer.concat(kept);
}

/** An HTTP server answers in HTTP, or hangs up without a word. */
export function expectHttp(answer: Buffer): void {
  const text = answer.toString('latin1', 0, 100);
  expect(answer.length === 0 || ANSWER.test(text), `no HTTP: ${JSON.stringify(text)}`);
}

/** Whatever came before, a good request is answered. */
export async function expectStillAnswers(port: number, path: string, status: number): Promise<void> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const answer = (await exchange(port, [request])).toString('latin1', 0, 100);
  expect(answer.startsWith(`HTTP/1.1 ${status} `), `a good request is answered with ${JSON.stringify(answer)}`);
}
