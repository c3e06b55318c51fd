import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import { packTree } from './pack-tree.js';
import type { Tools } from './tools.js';

/** What a machine needs of this checkout; it runs `npm ci --omit=dev` by itself. */
const CONTENT = ['package.json', 'package-lock.json', 'dist', 'config.yml', 'schemas'];

/** Where the tarball with the worker is. */
export function workerTarballIn(folder: string): string {
  return join(folder, 'docker-worker.tar.gz');
}

/** Compiles the worker of a checkout and packs what a machine needs of it. Throws DeployError. */
export async function buildWorkerTarball(checkout: string, tarball: string, tools: Tools): Promise<void> {
  const code = await tools.run({ command: 'npm', args: ['run', '--silent', 'build'], cwd: checkout });
  if (code !== 0) throw new DeployError('npm run build failed; its output says why. (Was npm ci run?)');
  await packWorker(checkout, tarball);
}

/** Packs the worker of a checkout as it was compiled. */
export async function packWorker(checkout: string, tarball: string): Promise<void> {
  await access(join(checkout, 'dist/bin/worker.js')).catch((error: unknown) => {
    throw new DeployError('There is no dist/bin/worker.js: run npm run build.', { cause: error });
  });
  await packTree(
    tarball,
    CONTENT.map((name) => ({ from: join(checkout, name), name })),
  );
}
