import { readFile, readdir } from 'node:fs/promises';
import { until } from './until.js';

/** Fails when processes that keep output for workers with files below this directory still run after some seconds. */
export async function assertNoKeepersLeft(directory: string): Promise<void> {
  await until('the processes that kept output have ended', async () => (await keepersBelow(directory)).length === 0);
}

async function keepersBelow(directory: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.startsWith('/bin/sh\0-c\0') && line.includes(`\0${directory}/`));
}
