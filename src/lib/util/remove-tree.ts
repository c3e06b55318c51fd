import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';

export interface RemoveTreeOptions {
  /** For what nobody waits for: whatever else wants the processor or the disk goes first. */
  readonly isUrgent?: boolean;
  /** Ends the deletion half-way; it then rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/**
 * Deletes a directory with all its content, however large and deep: by `rm`, whose memory is not ours and which is not
 * misled by links or by paths longer than the system takes. Other file systems mounted in it are left alone. Fails when
 * something is left.
 */
export async function removeTree(directory: string, options: RemoveTreeOptions = {}): Promise<void> {
  const { isUrgent = true, signal } = options;
  const args = ['-rf', '--one-file-system', '--', directory];
  const rm = spawn('rm', args, { stdio: 'ignore', ...(signal && { signal }) });
  // The scheduler of the disk goes by this priority too, where it goes by any.
  if (!isUrgent && rm.pid !== undefined) setPriority(rm.pid, constants.priority.PRIORITY_LOW);
  const [code] = (await once(rm, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${directory} could not be deleted whole: rm ended with ${code ?? 'a signal'}`);
}
