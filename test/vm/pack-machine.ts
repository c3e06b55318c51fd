/**
 * Packs what packer uploads to the guest: deploy.tar.gz, with values that suit it, and docker-worker.tar.gz with the
 * worker's packages in it, as the guest reaches no registry.
 *
 * usage: node --import tsx test/vm/pack-machine.ts DIR
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VALUES, renderTemplates, runOk } from '../deploy/machine-support.js';

const WORKER_CONFIG = `
statelessHostname: { enabled: false }
logging: { secureLiveLogging: false }
capacityManagement: { diskspaceThreshold: 100000000 }
taskQueue: { pollInterval: 500 }
features: { encryptedEnv: { enabled: false } }
`;

/** Files that are different on this machine. */
const CHANGES = {
  'etc/default/docker-worker': 'DOCKER_WORKER_HOST=standalone\n',
  'etc/default/docker-worker-instance-storage': "INSTANCE_STORAGE_DISKS='/dev/vdb /dev/vdc'\n",
  // The tests start the worker, once there is a Taskcluster.
  'etc/systemd/system/docker-worker.service.d/test.conf':
    '[Unit]\nConditionPathExists=/run/docker-worker-test.env\n[Service]\nEnvironmentFile=/run/docker-worker-test.env\n',
} as const;

const [directory = ''] = process.argv.slice(2);
await packDeployment(join(directory, 'target'), join(directory, 'deploy.tar.gz'));
await packWorker(join(directory, 'worker'), join(directory, 'docker-worker.tar.gz'));

async function packDeployment(target: string, tarball: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await renderTemplates(target, { ...VALUES, rootUrl: 'http://127.0.0.1:8080', workerConfig: WORKER_CONFIG });
  for (const [file, text] of Object.entries(CHANGES)) {
    await mkdir(join(target, file, '..'), { recursive: true });
    await writeFile(join(target, file), text);
  }
  await pack(target, tarball);
}

async function packWorker(tree: string, tarball: string): Promise<void> {
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'dist', 'config.yml', 'schemas']) {
    await cp(name, join(tree, name), { recursive: true });
  }
  const modules = await installModules(`${tree}-modules`);
  await cp(modules, join(tree, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  await pack(tree, tarball);
}

/** The packages that the worker needs to run, as a folder; asks the registry only when the lock file is another one. */
async function installModules(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  const lock = await readFile('package-lock.json', 'utf8');
  const installed = await readFile(join(folder, 'package-lock.json'), 'utf8').catch(() => '');
  const isWhole = await readFile(join(modules, '.package-lock.json')).then(
    () => true,
    () => false,
  );
  if (isWhole && installed === lock) return modules;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const name of ['package.json', 'package-lock.json']) await cp(name, join(folder, name));
  await runOk(['npm', 'ci', '--prefix', folder, '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
    HOME: process.env['HOME'] ?? '/root',
  });
  return modules;
}

/** The same tarball for the same files: whoever unpacks it sees by its checksum that there is nothing new. */
async function pack(tree: string, tarball: string): Promise<void> {
  const constant = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await runOk(['sh', '-c', 'tar -c "$@" . | gzip -n >"$0"', tarball, '-C', tree, ...constant]);
}
