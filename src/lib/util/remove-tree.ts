import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';

export interface RemoveTreeOptions {
  /** For what nobody waits for: whatever else wants the processor or the disk goes first. */
  readonly isUrgent?: boolean;
  /** Ends the deletion half-way; it then rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/** As `removeTree`, whatever means it has beside. */
export type RemoveTree = (directory: string, options?: RemoveTreeOptions) => Promise<void>;

/** The user of this process may not delete all of a directory. */
export class TreeDenied extends Error {
  override readonly name = 'TreeDenied';
}

/** Of what `rm` says; a line for each file that it can't delete. */
const MAX_COMPLAINT_BYTES = 64 * 1024;
const DENIED = /: (?:Permission denied|Operation not permitted)$/m;

/**
 * Deletes a directory with all its content, however large and deep: by `rm`, whose memory is not ours and which is not
 * misled by links or by paths longer than the system takes. Other file systems mounted in it are left alone. Fails when
 * something is left, with TreeDenied when that is for want of permission.
 */
export async function removeTree(directory: string, options: RemoveTreeOptions = {}): Promise<void> {
  const { isUrgent = true, signal } = options;
  // `env` becomes `rm`, whose reasons are to be read here.
  const args = ['LC_ALL=C', 'rm', '-rf', '--one-file-system', '--', directory];
  const rm = spawn('env', args, { stdio: ['ignore', 'ignore', 'pipe'], ...(signal && { signal }) });
  // The scheduler of the disk goes by this priority too, where it goes by any.
  if (!isUrgent && rm.pid !== undefined) setPriority(rm.pid, constants.priority.PRIORITY_LOW);
  let complaint = '';
  rm.stderr.on('data', (data: Buffer) => {
    if (complaint.length < MAX_COMPLAINT_BYTES) complaint += data.toString();
  });
  const [code] = (await once(rm, 'close')) as [number | null];
  if (code === 0) return;
  const message = `${directory} could not be deleted whole: rm ended with ${code ?? 'a signal'}`;
  throw DENIED.test(complaint) ? new TreeDenied(`${message} for want of permission`) : new Error(message);
}
