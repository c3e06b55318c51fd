import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';

export interface RemoveTreeOptions {
  /** False when no caller waits: all other work gets the processor and the disk first. */
  readonly isUrgent?: boolean;
  /** Stops the deletion half-way; it then rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/** Like `removeTree`; an implementation may have additional means. */
export type RemoveTree = (directory: string, options?: RemoveTreeOptions) => Promise<void>;

/** This process's user lacks permission to delete all of a directory. */
export class TreeDenied extends Error {
  override readonly name = 'TreeDenied';
}

/** The bytes kept of rm's output, which has a line for each file that it can't delete. */
const MAX_COMPLAINT_BYTES = 64 * 1024;
const DENIED = /: (?:Permission denied|Operation not permitted)$/m;

/**
 * Deletes a directory with all its content, however large and deep. It runs `rm`, which uses none of our memory and is
 * not misled by links or by paths longer than the system's limit. Other file systems mounted in it are left alone.
 * Throws if something is left: TreeDenied if for lack of permission.
 */
export async function removeTree(directory: string, options: RemoveTreeOptions = {}): Promise<void> {
  const { isUrgent = true, signal } = options;
  // `env` becomes `rm`; the locale makes its messages parseable.
  const args = ['LC_ALL=C', 'rm', '-rf', '--one-file-system', '--', directory];
  const rm = spawn('env', args, { stdio: ['ignore', 'ignore', 'pipe'], ...(signal && { signal }) });
  // Disk schedulers that support priorities use this one too.
  if (!isUrgent && rm.pid !== undefined) setPriority(rm.pid, constants.priority.PRIORITY_LOW);
  let complaint = '';
  rm.stderr.on('data', (data: Buffer) => {
    if (complaint.length < MAX_COMPLAINT_BYTES) complaint += data.toString();
  });
  const [code] = (await once(rm, 'close')) as [number | null];
  if (code === 0) return;
  const message = `${directory} could not be fully deleted: rm ended with ${code ?? 'a signal'}`;
  throw DENIED.test(complaint) ? new TreeDenied(`${message}, permission denied`) : new Error(message);
}
