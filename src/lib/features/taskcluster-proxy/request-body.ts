import type { IncomingMessage } from 'node:http';

/** A request's body. Small bodies are held, so that they can be resent; others are streamed. */
export type RequestBody =
  | { readonly kind: 'held'; readonly content: Buffer }
  | { readonly kind: 'passing'; readonly length: number | undefined; readonly content: AsyncIterable<Buffer> };

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** Largest body that is held. */
const HELD_BYTES = 256 * 1024;

/** Reads a body. Throws BodyTooLarge, now or while it is streamed, if it is longer than `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<RequestBody> {
  const { 'content-length': contentLength } = request.headers;
  const length = contentLength === undefined ? undefined : Number(contentLength);
  if (length !== undefined && length > maxBytes) throw tooLarge(maxBytes);
  const source = request[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  const begun: Buffer[] = [];
  let size = 0;
  while (size <= HELD_BYTES) {
    const next = await source.next();
    if (next.done) return { kind: 'held', content: Buffer.concat(begun) };
    begun.push(next.value);
    size += next.value.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
  }
  return { kind: 'passing', length, content: passOn(begun, source, maxBytes) };
}

async function* passOn(
  begun: readonly Buffer[],
  source: AsyncIterator<Buffer, undefined>,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let size = 0;
  const checked = (chunk: Buffer): Buffer => {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    return chunk;
  };
  for (const chunk of begun) yield checked(chunk);
  for (let next = await source.next(); !next.done; next = await source.next()) yield checked(next.value);
}

function tooLarge(maxBytes: number): BodyTooLarge {
  return new BodyTooLarge(`The body of the request is longer than ${maxBytes} bytes.`);
}
