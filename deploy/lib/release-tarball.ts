import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DeployError } from './deploy-error.js';
import type { NodeRelease } from './node-release.js';
import { packTree } from './pack-tree.js';
import { commandLine } from './tools.js';
import type { Call, Tools } from './tools.js';
import { buildWorkerTarball } from './worker-tarball.js';

/** The only top-level folder in the tarball. */
const FOLDER = 'docker-worker';

/** What tells of the licences of the worker and of its packages. */
const LICENCES = ['LICENSE', 'NOTICE', 'licenses'];

/** Where the tarball of a release is. */
export function releaseTarballIn(folder: string): string {
  return join(folder, 'docker-worker-x64.tgz');
}

/** The sources of a release tarball. */
export interface ReleaseSources {
  /** Root of the checkout. */
  readonly checkout: string;
  readonly node: NodeRelease;
}

/**
 * Packs the worker with its packages and Node.js into `tarball`: unpacked anywhere, its `bin/docker-worker` starts the
 * worker, without any further installation. Throws DeployError.
 */
export async function buildReleaseTarball(sources: ReleaseSources, tarball: string, tools: Tools): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-release-'));
  try {
    const home = join(directory, FOLDER);
    await mkdir(home);
    await unpackWorker(sources.checkout, home, tools);
    await unpackNode(sources.node, home, tools);
    for (const name of LICENCES) await cp(join(sources.checkout, name), join(home, name), { recursive: true });
    await cp(join(sources.checkout, 'deploy/release/bin'), join(home, 'bin'), { recursive: true });
    await packTree(tarball, [{ from: home, name: FOLDER }]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function unpackWorker(checkout: string, home: string, tools: Tools): Promise<void> {
  const archive = `${home}.tar.gz`;
  await buildWorkerTarball(checkout, archive, tools);
  await runOrFail(tools, { command: 'tar', args: ['-xzf', archive, '-C', home] });
  // Install scripts are not run: none of the packages needs them.
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await runOrFail(tools, { command: 'npm', args, cwd: home });
}

async function unpackNode({ name, url, sha256 }: NodeRelease, home: string, tools: Tools): Promise<void> {
  const [archive, node] = [`${home}-node.tar.xz`, join(home, 'node')];
  const flags = ['--fail', '--silent', '--show-error', '--location', '--retry', '5', '--max-time', '600'];
  await runOrFail(tools, { command: 'curl', args: [...flags, '--output', archive, url] });
  const found = await sha256Of(archive);
  if (found !== sha256) throw new DeployError(`${url} has changed: its SHA-256 is ${found}, expected ${sha256}.`);
  await mkdir(node);
  // The worker does not need npm and the headers.
  const wanted = [`${name}/bin/node`, `${name}/LICENSE`];
  await runOrFail(tools, { command: 'tar', args: ['-xJf', archive, '-C', node, '--strip-components=1', ...wanted] });
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function runOrFail(tools: Tools, call: Call): Promise<void> {
  const code = await tools.run(call);
  if (code === undefined) throw new DeployError(`${call.command}: not found. Install it.`);
  if (code !== 0) throw new DeployError(`${commandLine(call)} failed (exit code ${code}); see its output.`);
}
