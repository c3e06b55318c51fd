import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { clients } from 'taskcluster-client';
import { Deployment } from '../integration/local-taskcluster/deployment.js';
import { writeDeployments } from './support/deployments-file.js';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const PACKED = `
1,,ui,say,==> hvm-builder: AMI: ami-0a1
1,hvm-builder,artifact,0,builder-id,mitchellh.amazonebs
1,hvm-builder,artifact,0,id,us-east-1:ami-0a2%!(PACKER_COMMA)us-west-2:ami-0a1
`;
const OLD = { ImageId: 'ami-001', Name: 'docker-worker-app-0', CreationDate: '2026-01-01T00:00:00.000Z' };

describe('deploy.sh app, with fake AWS, packer and pass', () => {
  const folder = new TempFolder();
  const deployment = new Deployment();
  let bin: FakeBin;

  beforeEach(async () => {
    bin = await FakeBin.create();
    await bin.link('make');
    await bin.add('git', 'case $1 in rev-parse) echo 1a2b3c4d ;; esac');
    await bin.add('npm', 'for a in "$@"; do out=$a; done; mkdir -p "$out/bin" && echo 1 >"$out/bin/worker.js"');
    await bin.add('pass', `[ "$1" = version ] || echo 'papertrail: "logs.example.com:1"'`);
    await folder.write('packed', PACKED);
    await bin.add('packer', `[ "$1" = version ] && echo Packer v1.9.4 || cat '${folder.at('packed')}'`);
    await folder.write('images', JSON.stringify({ Images: [OLD] }));
    const aliases = '{"AccountAliases": ["example-workers"]}';
    await bin.add(
      'aws',
      `case "$*" in iam*) echo '${aliases}' ;; *describe-images*) cat '${folder.at('images')}' ;; esac`,
    );
    await folder.write('template/etc/log', 'to {{papertrail}} of {{rootUrl}}\n');
    const variables = { sourceAmi: '', amiName: '', region: '', amiRegions: '', deployTarball: '', workerTarball: '' };
    await folder.write('packer/app.json', JSON.stringify({ variables }));
    await folder.write('Makefile', await readFile('deploy/Makefile'));
    await folder.write(
      'bin/build-template',
      `#!/bin/sh\nexec '${process.cwd()}/deploy/bin/build-template' --folder .\n`,
      0o755,
    );
    const launchConfigs = [{ region: 'us-west-2', launchConfig: { ImageId: 'ami-001' } }];
    await new clients.WorkerManager(deployment.clientOptions()).createWorkerPool('proj/one', {
      providerId: 'aws',
      description: 'a pool',
      config: { launchConfigs },
      owner: 'owner@example.com',
      emailOnError: false,
    });
  });
  afterEach(() => bin.dispose());

  const deploy = async (...args: readonly string[]): Promise<Outcome> => {
    const { rootUrl, credentials } = deployment.server;
    const deployments = await writeDeployments(folder, { rootUrl });
    const { clientId, accessToken } = credentials;
    const env = {
      PATH: bin.path,
      TASKCLUSTER_ROOT_URL: rootUrl,
      TASKCLUSTER_CLIENT_ID: clientId,
      TASKCLUSTER_ACCESS_TOKEN: accessToken,
    };
    const options = ['--deployments', deployments, '--deploy-folder', folder.path];
    return await runScript('deploy.sh', ['app', ...args, ...options], { env });
  };
  const amiOfPool = async (): Promise<string | undefined> => {
    const { config } = await new clients.WorkerManager(deployment.clientOptions()).workerPool('proj/one');
    return /ami-\w+/.exec(JSON.stringify(config))?.[0];
  };

  it('imports, renders, packs, builds, and updates the worker pool to the new AMI', async () => {
    const { code, stdout, stderr } = await deploy('--yes');
    assert.deepEqual([code, stderr], [0, '']);
    const { rootUrl } = deployment.server;
    assert.equal(await readFile(folder.at('target/etc/log'), 'utf8'), `to logs.example.com:1 of ${rootUrl}\n`);
    assert.equal((await stat(folder.at('deploy.json'))).mode & 0o777, 0o600);
    const files = await readdir(folder.path);
    for (const name of ['deploy.tar.gz', 'docker-worker.tar.gz', 'amis', 'backups'])
      assert.ok(files.includes(name), name);
    assert.match(
      stdout,
      /proj\/one\n {2}us-west-2: - ImageId ami-001\n {13}\+ ImageId ami-0a1\n[^]*proj\/one is updated\.\n$/,
    );
    assert.equal(await amiOfPool(), 'ami-0a1');
    assert.deepEqual(
      (await readdir('.')).filter((name) => name.startsWith('dist.')),
      [],
    );
  });

  it('builds, but does not change the worker pool in a test or without confirmation', async () => {
    const test = await deploy('--test', '--yes');
    assert.equal(test.code, 0, test.stderr);
    assert.equal(await amiOfPool(), 'ami-001');
    const unasked = await deploy();
    assert.equal(unasked.code, 1);
    assert.match(unasked.stderr, /Nothing was changed: not confirmed/);
    assert.equal(await amiOfPool(), 'ami-001');
    assert.equal((await readdir(folder.at('amis'))).length, 2);
  });
});
