import { createHash } from 'node:crypto';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';

export interface WhatWasRead {
  readonly bytes: number;
  /** Of the part between the two marks of the task's output. */
  readonly sha256: string;
  /** What came after that part. */
  readonly rest: string;
}

const BEGIN = Buffer.from('=== Task Starting ===\n');
const PACE_MS = 50;

export interface ReadOptions {
  /** Of the task's output, which is hashed. */
  readonly outputBytes: number;
  readonly bytesPerSecond?: number;
  /** Once it aborts, `bytesPerSecond` counts no more. */
  readonly hurry?: AbortSignal;
}

/** Reads a log to its end without keeping it; `bytesPerSecond` holds it back as a slow connection would. */
export async function readLog(url: string, { outputBytes, bytesPerSecond, hurry }: ReadOptions): Promise<WhatWasRead> {
  const response = await request(url);
  const encoded = response.headers['content-encoding'] === 'gzip';
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let begin = -1;
  let bytes = 0;
  let rest = '';
  const started = Date.now();
  for await (const piece of encoded ? response.pipe(createGunzip()) : response) {
    let chunk = piece as Buffer;
    bytes += chunk.length;
    if (begin < 0) {
      head = Buffer.concat([head, chunk]);
      const found = head.indexOf(BEGIN);
      if (found < 0) continue;
      begin = found + BEGIN.length;
      chunk = head.subarray(begin);
    }
    const left = begin + outputBytes - (bytes - chunk.length);
    hash.update(chunk.subarray(0, Math.max(0, left)));
    rest += chunk.subarray(Math.max(0, left)).toString();
    const isTooEarly = (): boolean =>
      bytesPerSecond !== undefined && hurry?.aborted !== true && bytes / bytesPerSecond > (Date.now() - started) / 1000;
    while (isTooEarly()) await sleep(PACE_MS);
  }
  return { bytes, sha256: hash.digest('hex'), rest };
}

/** The answer to a GET, after redirects. */
async function request(url: string): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, resolve).on('error', reject);
  });
  const { location } = response.headers;
  if (location === undefined) return response;
  response.resume();
  return request(location);
}
