import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Deletes a directory with all its content, however large and deep: by `rm`, whose memory is not ours and which is not
 * misled by links or by paths longer than the system takes. Other file systems mounted in it are left alone. Fails when
 * something is left.
 */
export async function removeTree(directory: string): Promise<void> {
  const rm = spawn('rm', ['-rf', '--one-file-system', '--', directory], { stdio: 'ignore' });
  const [code] = (await once(rm, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${directory} could not be deleted whole: rm ended with ${code ?? 'a signal'}`);
}
