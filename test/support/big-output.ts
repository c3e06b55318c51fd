import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import got from 'got';
import type { Daemon } from './daemon.js';

export const MiB = 1024 * 1024;

const LINE_END = ' of many lines in a log';
const NUMBER_BYTES = 8;

const PREPARED = (count: number): string => `
  stty raw
  seq 1 200000 | sed 's/$/${LINE_END}/' | head -c ${MiB - NUMBER_BYTES} >/block
  print() { i=0; while [ $i -lt ${count} ]; do printf '%07d\\n' $i; cat /block; i=$((i+1)); done; }`;

/** Prints `count` blocks of one MiB, each of them different; no line break is changed on its way through the terminal. */
export const printing = (count: number): string => `${PREPARED(count)}
  print`;

/** The same, and the sha256 of what was printed. */
export const printingWithSum = (count: number): string => `${PREPARED(count)}
  print | sha256sum >/sum
  print
  cat /sum`;

/** The sha256 (hex) of what `printing` prints. */
export function printedSha256(count: number): string {
  const lines = Array.from({ length: 200_000 }, (_, n) => `${n + 1}${LINE_END}\n`);
  const block = Buffer.from(lines.join('')).subarray(0, MiB - NUMBER_BYTES);
  const hash = createHash('sha256');
  for (let n = 0; n < count; n += 1) hash.update(`${String(n).padStart(NUMBER_BYTES - 1, '0')}\n`).update(block);
  return hash.digest('hex');
}

/** The address of the task's live log, once there is one. */
export async function liveLogUrl(daemon: Daemon, taskId: string): Promise<string> {
  const url = daemon.urlOf(taskId, 'public/logs/live.log');
  for (;;) {
    const { headers } = await got(url, { followRedirect: false, throwHttpErrors: false });
    if (headers.location?.includes('/log/')) return headers.location;
    await sleep(100);
  }
}
