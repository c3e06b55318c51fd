import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { ROOT_URL, writeDeployments } from './support/deployments-file.js';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const SECRET = 'do-not-tell';

describe('deploy.sh --dry-run', () => {
  const folder = new TempFolder();
  let bin: FakeBin;
  beforeEach(async () => {
    bin = await FakeBin.create();
    for (const name of ['make', 'aws', 'pass']) await bin.add(name, '');
    await bin.add('packer', '[ "$1" = version ] && echo Packer v1.9.4');
    await bin.add('git', 'case $1 in rev-parse) echo 1a2b3c4d ;; esac');
    await folder.write('template/etc/one', '{{papertrail}} {{rootUrl}} {{sslKey}}');
    const variables = { sourceAmi: '', amiName: '', region: 'us-east-1', amiRegions: '', sslKey: null, dryRun: '0' };
    await folder.write('packer/app.json', JSON.stringify({ variables: { ...variables, chainOfTrustKeyFile: '' } }));
    await folder.write('packer/base.json', JSON.stringify({ variables }));
  });
  afterEach(() => bin.dispose());

  const dryRun = async (baseAmi: string, ...args: readonly string[]): Promise<Outcome> => {
    const deployments = await writeDeployments(folder, { baseAmi });
    const env = {
      PATH: bin.path,
      TMPDIR: '/tmp',
      TASKCLUSTER_ROOT_URL: ROOT_URL,
      TASKCLUSTER_CLIENT_ID: 'nobody',
      TASKCLUSTER_ACCESS_TOKEN: SECRET,
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: SECRET,
    };
    const options = ['--dry-run', '--deployments', deployments, '--deploy-folder', folder.path];
    return await runScript('deploy.sh', [...args, ...options], { env });
  };

  it('prints every step of app with the exact packer command, shows no secret and does nothing', async () => {
    await folder.write('deploy.json', JSON.stringify({ sslKey: SECRET, chainOfTrustKey: SECRET }), 0o600);
    const before = await readdir(folder.path, { recursive: true });
    const { code, stdout, stderr } = await dryRun('ami-0ba5e', 'app');
    assert.deepEqual([code, stderr], [0, '']);
    const text = stdout.replaceAll(folder.path, 'DEPLOY').replaceAll(/1a2b3c4d-\d{8}T\d{6}/g, '1a2b3c4d-TIME');
    const version = /docker-worker-app-(.+)-1a2b3c4d/.exec(text)?.[1] ?? assert.fail(text);
    assert.deepEqual(text.trimEnd().split('\n'), [
      'Deployment example: https://tc.example.com',
      'ok: make',
      'ok: packer',
      'ok: aws',
      'ok: pass',
      'ok: a clean git tree',
      'ok: Taskcluster credentials',
      'would check AWS credentials: aws sts get-caller-identity --output json',
      'would check AWS account example-workers: aws iam list-account-aliases --output json',
      'Would read the secrets of example (pass show docker-worker/example.yml) into DEPLOY/deploy.json.',
      'Would compile the worker (npm run build) and pack it into DEPLOY/docker-worker.tar.gz.',
      'Would render deploy/template and pack it into DEPLOY/deploy.tar.gz (make -C deploy).',
      '  It uses papertrail, rootUrl, sslKey.',
      '  The password store must contain papertrail.',
      'Would run',
      '  packer build -machine-readable -only=hvm-builder,hvm-builder-trusted ' +
        '-var-file=/tmp/docker-worker-packer-XXXXXX/variables.json DEPLOY/packer/app.json',
      '    with these variables in that file, which only you may read:',
      '      sourceAmi = "ami-0ba5e"',
      `      amiName = "docker-worker-app-${version}-1a2b3c4d-TIME"`,
      '      region = "us-west-2"',
      '      amiRegions = "us-west-2,us-east-1"',
      '      sslKey = ***',
      '      chainOfTrustKeyFile = "/tmp/docker-worker-packer-XXXXXX/chain-of-trust.key"',
      `Would write the ids of the AMIs to DEPLOY/amis/docker-worker-app-${version}-1a2b3c4d-TIME.json.`,
      'Would update the worker pools of https://tc.example.com to use them:',
      '  deploy/bin/update-worker-types --record <that file>',
    ]);
    assert.doesNotMatch(stdout, new RegExp(SECRET));
    assert.deepEqual(
      (await bin.calls()).filter(
        (call) => !/^(make|aws) --version$|^(packer|pass) version$|^git (status|rev-parse)/.test(call),
      ),
      [],
    );
    const after = await readdir(folder.path, { recursive: true });
    assert.deepEqual(after.filter((name) => name !== 'deployments.yml').sort(), before.sort());
  });

  it('leaves worker pools and the trusted builder out of a test', async () => {
    await folder.write('deploy.json', JSON.stringify({ sslKey: SECRET, chainOfTrustKey: SECRET }), 0o600);
    const { code, stdout } = await dryRun('ami-0ba5e', 'app', '--test');
    assert.equal(code, 0);
    assert.match(stdout, / -only=hvm-builder -var/);
    assert.match(stdout, /amiName = "docker-worker-app-test-/);
    assert.match(stdout, /amiRegions = "us-west-2"\n/);
    assert.match(stdout, /Worker pools would not be changed\.\n$/);
  });

  it('reports a missing base AMI, and prints the remaining steps', async () => {
    await folder.write('deploy.json', JSON.stringify({ sslKey: SECRET }), 0o600);
    const { code, stdout } = await dryRun('', 'app');
    assert.equal(code, 0);
    assert.match(stdout, /Would stop here: No base AMI is known for the AWS account example-workers\. Build one/);
    assert.match(
      stdout,
      /build the base AMI for all AWS accounts, or remove the AMI for accounts where you did not build it/,
    );
    assert.match(stdout, /packer build .*app\.json\n/);
  });

  it('reports a missing packer plugin, and how to install it', async () => {
    await bin.add('packer', 'case $1 in version) echo Packer v1.16.0 ;; esac');
    const { code, stderr } = await dryRun('ami-0ba5e', 'app');
    assert.equal(code, 1);
    assert.match(stderr, /Install it: packer plugins install github\.com\/hashicorp\/amazon\n/);
  });

  it('shows how the Ubuntu AMI for base would be found', async () => {
    await folder.write('deploy.json', JSON.stringify({ sslKey: SECRET }), 0o600);
    const { code, stdout } = await dryRun('', 'base');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /aws ssm get-parameter --region us-west-2 --name \/aws\/service\/canonical\/ubuntu\/server\/24\.04/,
    );
    assert.match(stdout, /packer build -machine-readable -only=hvm-builder .*base\.json\n/);
    assert.doesNotMatch(stdout, /pass show|make -C|worker pools/i);
  });

  it('prints the steps for the packet.net image', async () => {
    const { code, stdout } = await dryRun('', 'packet');
    assert.equal(code, 0);
    assert.match(stdout, /Would run\n {2}\S+\/bin\/build-packet\.sh\n$/);
  });

  it('refuses a template with an unknown variable', async () => {
    await folder.write('template/etc/two', '{{bogus}}');
    await folder.write('deploy.json', JSON.stringify({ sslKey: SECRET }), 0o600);
    const { code, stderr } = await dryRun('ami-0ba5e', 'app');
    assert.equal(code, 1);
    assert.match(stderr, /template\/etc\/two: bogus is not a variable\. Add it to deploy\/variables\.ts/);
  });
});
