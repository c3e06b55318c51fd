import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DueFault } from './fault-rules.js';

const GARBAGE = '<html><head><title>502 Bad Gateway</title></head><body>Something went wrong.</body></html>\n';

/** One request and its answer, as far as faults need to know them. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** True when the handler streams the body, so it is not read before the handler runs. */
  readonly streamsBody: boolean;
  /** Answers with an error of this status, in the format of the service. */
  readonly refuse: (status: number) => void;
}

/**
 * Applies the part of the fault that precedes the effect. Returns false when the request is already dealt with and must
 * not be carried out.
 */
export async function interfereBefore(due: DueFault, exchange: Exchange): Promise<boolean> {
  const { fault, happened } = due;
  const { request, reply, streamsBody, refuse } = exchange;
  switch (fault.kind) {
    case 'latency':
      happened();
      return await delayReply(fault.ms, reply);
    case 'hang':
      if (fault.effect === true) return true;
      await readAll(request.raw);
      break;
    case 'status':
      await readAll(request.raw);
      refuse(fault.status);
      break;
    case 'garbage':
      if (fault.effect ?? true) return true;
      await readAll(request.raw);
      void reply.send(asGarbage(reply));
      break;
    case 'reset-before':
      reset(request);
      break;
    case 'reset-mid-body':
      if (!streamsBody) return true;
      await readHalf(request);
      reset(request);
      break;
    case 'reset-after':
    case 'slow':
      return true;
  }
  happened();
  return false;
}

/**
 * Applies the part of the fault that follows the effect. Returns the body to send; undefined when there is no answer.
 */
export async function interfereAfter(
  due: DueFault,
  { request, reply }: Exchange,
  payload: unknown,
): Promise<{ readonly body: unknown } | undefined> {
  const { fault, happened } = due;
  switch (fault.kind) {
    case 'garbage':
      if (fault.effect === false) return { body: payload };
      discard(payload);
      happened();
      return { body: asGarbage(reply) };
    case 'slow':
      happened();
      return { body: Readable.from(trickle(reply, payload, fault)) };
    case 'hang':
      discard(payload);
      break;
    case 'reset-after':
      discard(payload);
      reset(request);
      break;
    case 'reset-mid-body':
      await truncateReply(request, reply, payload);
      break;
    // These were dealt with before the effect.
    case 'latency':
    case 'status':
    case 'reset-before':
      return { body: payload };
  }
  happened();
  return undefined;
}

/** Returns true after that time, or false as soon as the connection closes. */
async function delayReply(ms: number, reply: FastifyReply): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal: closedSignal(reply) });
    return true;
  } catch {
    return false;
  }
}

function closedSignal(reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  reply.raw.once('close', () => {
    closed.abort();
  });
  return closed.signal;
}

/** Reads the rest of the body: a client that is still sending would not see an answer. */
async function readAll(request: IncomingMessage): Promise<void> {
  if (!request.readableEnded) await once(request.resume(), 'end');
}

/** Resets the connection with a RST, so that the other side notices at once. */
function reset(request: FastifyRequest): void {
  request.raw.socket.resetAndDestroy();
}

async function readHalf({ raw, headers }: FastifyRequest): Promise<void> {
  let left = Math.floor(Number(headers['content-length'] ?? 0) / 2);
  if (left === 0) return;
  // Destroying the request would close the connection without a RST.
  for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
    left -= (chunk as Buffer).length;
    if (left <= 0) return;
  }
}

async function truncateReply(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<void> {
  const { raw } = reply;
  const size = sizeOf(reply, payload);
  if (size === 0 || request.method === 'HEAD') {
    reset(request);
    return;
  }
  const headers = { ...reply.getHeaders(), 'content-length': size } as OutgoingHttpHeaders;
  raw.writeHead(raw.statusCode, headers);
  await writeFirst(raw, streamOf(payload), Math.floor(size / 2));
  discard(payload);
  // A RST would overtake the data already sent and make it unpredictable how much arrives.
  request.raw.socket.destroy();
}

async function writeFirst(to: ServerResponse, content: AsyncIterable<Buffer>, bytes: number): Promise<void> {
  const write = promisify((chunk: Buffer, done: (error?: Error | null) => void) => to.write(chunk, done));
  let left = bytes;
  for await (const chunk of content) {
    await write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) return;
  }
}

async function* trickle(
  reply: FastifyReply,
  payload: unknown,
  pace: { readonly bytes: number; readonly ms: number },
): AsyncGenerator<Buffer> {
  const signal = closedSignal(reply);
  for await (const chunk of streamOf(payload)) {
    for (let at = 0; at < chunk.length; at += pace.bytes) {
      yield chunk.subarray(at, at + pace.bytes);
      await sleep(pace.ms, undefined, { signal });
    }
  }
}

function sizeOf(reply: FastifyReply, payload: unknown): number {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return Buffer.byteLength(payload);
  return payload instanceof Readable ? Number(reply.getHeader('content-length') ?? 0) : 0;
}

function streamOf(payload: unknown): AsyncIterable<Buffer> {
  if (payload instanceof Readable) return payload;
  const isBody = typeof payload === 'string' || Buffer.isBuffer(payload);
  return Readable.from(isBody ? [Buffer.from(payload)] : []);
}

function asGarbage(reply: FastifyReply): string {
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
  void reply.code(200).type('text/html');
  return GARBAGE;
}

function discard(payload: unknown): void {
  if (payload instanceof Readable) payload.destroy();
}
