import { access, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import { packTree } from './pack-tree.js';
import type { Tools } from './tools.js';

/** The files of a checkout that a machine needs besides the compiled ones; it runs `npm ci --omit=dev` itself. */
const CONTENT = ['package.json', 'package-lock.json', 'config.yml', 'schemas'];

/** Returns the path of the worker's tarball. */
export function workerTarballIn(folder: string): string {
  return join(folder, 'docker-worker.tar.gz');
}

/** Compiles the worker of a checkout and packs what a machine needs. Throws DeployError. */
export async function buildWorkerTarball(checkout: string, tarball: string, tools: Tools): Promise<void> {
  // Not into dist/, which a running worker may use, but beside it, as source maps contain relative paths.
  const dist = await mkdtemp(join(checkout, 'dist.'));
  try {
    const args = ['run', '--silent', 'build', '--', '--outDir', dist];
    const code = await tools.run({ command: 'npm', args, cwd: checkout });
    if (code !== 0)
      throw new DeployError('npm run build failed; see its output. It needs the packages that npm ci installs.');
    await packWorker({ checkout, dist }, tarball);
  } finally {
    await rm(dist, { recursive: true, force: true });
  }
}

/** Packs the worker of a checkout that was compiled into `dist`. */
export async function packWorker(
  { checkout, dist }: { readonly checkout: string; readonly dist: string },
  tarball: string,
): Promise<void> {
  await access(join(dist, 'bin/worker.js')).catch((error: unknown) => {
    throw new DeployError(`There is no bin/worker.js in ${dist}: compile the worker (npm run build).`, {
      cause: error,
    });
  });
  const rest = CONTENT.map((name) => ({ from: join(checkout, name), name }));
  await packTree(tarball, [{ from: dist, name: 'dist' }, ...rest]);
}
