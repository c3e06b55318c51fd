import { readFile } from 'node:fs/promises';

/** A process, told apart from a later one that got the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in clock ticks since boot (proc(5), field 22 of stat). */
  readonly startTicks: string;
  readonly bootId: string;
}

/** A zombie, or a process that is being reaped: it runs no code any more. */
const DEAD_STATES = new Set(['Z', 'X', 'x']);

/** Fails with ENOENT or ESRCH when there is no such process. */
export async function identityOf(process: number | 'self'): Promise<ProcessIdentity> {
  return (await inspect(process)).identity;
}

/** True while that very process runs. What does not identify any process counts as one that has ended. */
export async function isRunning(process: ProcessIdentity): Promise<boolean> {
  try {
    const { identity, state } = await inspect(process.pid);
    const isSame = identity.startTicks === process.startTicks && identity.bootId === process.bootId;
    return isSame && !DEAD_STATES.has(state);
  } catch {
    return false; // There is no such process.
  }
}

async function inspect(process: number | 'self'): Promise<{ identity: ProcessIdentity; state: string }> {
  const [stat, bootId] = await Promise.all([
    readFile(`/proc/${process}/stat`, 'utf8'),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
  ]);
  // The second field, the name of the command in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const identity = { pid: parseInt(stat, 10), startTicks: fields[19] ?? '', bootId: bootId.trim() };
  return { identity, state: fields[0] ?? '' };
}
