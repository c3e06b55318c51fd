import { readFile } from 'node:fs/promises';

/** Returns how many files and connections this process may have open at once; Infinity if the system does not say. */
export async function openFilesLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft = ''] = /^Max open files +(\d+|unlimited)/m.exec(limits) ?? [];
  return /^\d+$/.test(soft) ? Number(soft) : Infinity;
}
