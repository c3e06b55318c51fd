import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { identityOf, isRunning } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** Far longer than a turn takes: a process that blocks others for this long has been suspended. */
const PATIENCE_MS = 30_000;
const POLL_MS = 5;
const LONGEST_BACKOFF_MS = 100;

/** Another process has not finished its turn in time. */
export class TurnTimeoutError extends Error {
  override readonly name = 'TurnTimeoutError';

  constructor(
    readonly pid: number,
    path: string,
  ) {
    super(`process ${pid} has not finished with ${path} in ${PATIENCE_MS / 1000} s`);
  }
}

interface Candidate extends ProcessIdentity {
  readonly name: string;
}

/**
 * Runs `action` while no other process on this machine runs one for the same `path`, whose directory must exist.
 *
 * Each candidate first creates a file whose name identifies its process, and only then looks for others: of two
 * candidates at least one sees the other, and neither proceeds until it is alone. A name is never reused, so any
 * process may remove the file of an exited process at any time. A single lock file would not allow that: between
 * finding it stale and removing it, another process may have replaced it.
 */
export async function takeTurn<T>(path: string, action: () => Promise<T>): Promise<T> {
  const { pid, startTicks, bootId } = await identityOf('self');
  const deadline = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt++) {
    const name = `${basename(path)}.${pid}.${startTicks}.${bootId}.${randomBytes(8).toString('hex')}`;
    await writeFile(join(dirname(path), name), '', { flag: 'wx', mode: 0o600 });
    try {
      if (await isAlone(path, name, deadline)) return await action();
    } finally {
      await rm(join(dirname(path), name), { force: true });
    }
    await setTimeout(Math.random() * Math.min(POLL_MS * 2 ** attempt, LONGEST_BACKOFF_MS));
  }
}

/** Waits for candidates that sort after `name`, which yield in the same way; returns false if one sorts before it. */
async function isAlone(path: string, name: string, deadline: number): Promise<boolean> {
  for (;;) {
    const others = (await candidates(path)).filter((other) => other.name !== name);
    const [first] = others;
    if (!first) return true;
    if (performance.now() > deadline) throw new TurnTimeoutError(first.pid, path);
    if (others.some((other) => other.name < name)) return false;
    await setTimeout(POLL_MS);
  }
}

/** Returns the candidates whose processes are running; removes the files of others. */
async function candidates(path: string): Promise<readonly Candidate[]> {
  const running: Candidate[] = [];
  for (const name of await readdir(dirname(path))) {
    const candidate = parseName(name, basename(path));
    if (!candidate) continue;
    if (await isRunning(candidate)) running.push(candidate);
    else await rm(join(dirname(path), name), { force: true });
  }
  return running;
}

function parseName(name: string, base: string): Candidate | undefined {
  if (!name.startsWith(`${base}.`)) return undefined;
  const [pid, startTicks, bootId, random, ...rest] = name.slice(base.length + 1).split('.');
  if (!pid || !startTicks || !bootId || !random || rest.length > 0) return undefined;
  return { name, pid: Number(pid), startTicks, bootId };
}
