/**
 * Makes what packer uploads to the guest by what deploy/bin/build makes it with: docker-worker.tar.gz, and deploy.tar.gz with
 * values that suit the guest. Besides, npm-cache with the packages that the guest's npm installs the worker with, as it
 * reaches no registry.
 *
 * usage: node --import tsx test/vm/pack-machine.ts DIR
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildTemplate } from '../../deploy/lib/build-template.js';
import { writeDeployJson } from '../../deploy/lib/deploy-json.js';
import { ProcessTerminal } from '../../deploy/lib/process-terminal.js';
import { ProcessTools } from '../../deploy/lib/process-tools.js';
import { buildWorkerTarball, workerTarballIn } from '../../deploy/lib/worker-tarball.js';
import { TEMPLATE, VALUES } from '../deploy/machine-support.js';

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

const RSYSLOG = 'etc/rsyslog.d/30-docker-worker.conf';

const tools = new ProcessTools(process.env, process);
const [directory = ''] = process.argv.slice(2);
await packDeployment(directory);
await buildWorkerTarball(process.cwd(), workerTarballIn(directory), tools);
await fillNpmCache(join(directory, 'npm-cache'));

async function packDeployment(folder: string): Promise<void> {
  const template = join(folder, 'template');
  await rm(template, { recursive: true, force: true });
  await cp(TEMPLATE, template, { recursive: true });
  for (const [file, text] of Object.entries(CHANGES)) {
    await mkdir(dirname(join(template, file)), { recursive: true });
    await writeFile(join(template, file), text);
  }
  // Each time it reads all certificates of authorities, which takes seconds here, and papertrail is never there.
  const rsyslog = (await readFile(join(template, RSYSLOG), 'utf8')).replace(/^(\$ActionResumeInterval) 10$/m, '$1 600');
  await writeFile(join(template, RSYSLOG), rsyslog);
  const values = { ...VALUES, rootUrl: 'http://127.0.0.1:8080', workerConfig: WORKER_CONFIG };
  await writeDeployJson(join(folder, 'deploy.json'), values);
  await buildTemplate({ folder, env: {}, terminal: new ProcessTerminal(process) });
}

/** npm takes from its cache what has the checksum in the lock file. Asks the registry only when the lock file is another one. */
async function fillNpmCache(cache: string): Promise<void> {
  const lock = await readFile('package-lock.json', 'utf8');
  const filledFor = join(cache, 'package-lock.json');
  if (lock === (await readFile(filledFor, 'utf8').catch(() => ''))) return;
  await rm(cache, { recursive: true, force: true });
  const folder = `${cache}-modules`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) await cp(name, join(folder, name));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await tools.run({ command: 'npm', args: ['ci', '--cache', cache, '--omit=dev', ...quiet], cwd: folder });
  if (code !== 0) throw new Error('npm ci failed; see its output.');
  await rm(folder, { recursive: true });
  await writeFile(filledFor, lock);
}
