import { readFile } from 'node:fs/promises';

/** Identifies a process, as opposed to a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** The process's start time in clock ticks since boot (proc(5), field 22 of stat). */
  readonly startTicks: string;
  readonly bootId: string;
}

/** A zombie, or a process that is being reaped: it no longer runs any code. */
const DEAD_STATES = new Set(['Z', 'X', 'x']);

/** Throws ENOENT or ESRCH if the process does not exist. */
export async function identityOf(process: number | 'self'): Promise<ProcessIdentity> {
  return (await inspect(process)).identity;
}

/** Returns true while that very process runs. An invalid identity counts as a process that has ended. */
export async function isRunning(process: ProcessIdentity): Promise<boolean> {
  try {
    const { identity, state } = await inspect(process.pid);
    const isSame = identity.startTicks === process.startTicks && identity.bootId === process.bootId;
    return isSame && !DEAD_STATES.has(state);
  } catch {
    return false; // The process does not exist.
  }
}

async function inspect(process: number | 'self'): Promise<{ identity: ProcessIdentity; state: string }> {
  const [stat, bootId] = await Promise.all([
    readFile(`/proc/${process}/stat`, 'utf8'),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
  ]);
  // The second field, the command's name in parentheses, may contain any character.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const identity = { pid: parseInt(stat, 10), startTicks: fields[19] ?? '', bootId: bootId.trim() };
  return { identity, state: fields[0] ?? '' };
}
