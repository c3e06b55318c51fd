import { setTimeout as sleep } from 'node:timers/promises';
import got from 'got';
import type { Daemon } from './daemon.js';

export const MiB = 1024 * 1024;

/** Prints `count` blocks of one MiB, each of them different; no line break is changed on its way through the terminal. */
export const printing = (count: number): string => `
  stty raw
  seq 1 200000 | sed 's/$/ of many lines in a log/' | head -c 1048568 >/block
  print() { i=0; while [ $i -lt ${count} ]; do printf '%07d\\n' $i; cat /block; i=$((i+1)); done; }
  print | sha256sum >/sum
  print
  cat /sum`;

/** The address of the task's live log, once there is one. */
export async function liveLogUrl(daemon: Daemon, taskId: string): Promise<string> {
  const url = daemon.urlOf(taskId, 'public/logs/live.log');
  for (;;) {
    const { headers } = await got(url, { followRedirect: false, throwHttpErrors: false });
    if (headers.location?.includes('/log/')) return headers.location;
    await sleep(100);
  }
}
