import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { ROOT_URL, writeDeployments } from './support/deployments-file.js';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const ALIASES = `{ "AccountAliases": ["example-workers"] }`;

/** Fake programs with which every check succeeds. */
const TOOLS: Readonly<Record<string, string>> = {
  make: 'echo GNU Make 4.3',
  packer: 'echo Packer v1.9.4',
  pass: 'echo passwordstore.org',
  git: 'case $1 in rev-parse) echo 1a2b3c4d ;; esac',
  aws: `case "$1 $2" in "iam list-account-aliases") echo '${ALIASES}' ;; *) echo '{}' ;; esac`,
};

describe('deploy.sh, before its first step,', () => {
  const folder = new TempFolder();
  let bin: FakeBin;
  beforeEach(async () => {
    bin = await FakeBin.create();
    for (const [name, script] of Object.entries(TOOLS)) await bin.add(name, script);
  });
  afterEach(() => bin.dispose());

  const CREDENTIALS = {
    TASKCLUSTER_ROOT_URL: ROOT_URL,
    TASKCLUSTER_CLIENT_ID: 'me',
    TASKCLUSTER_ACCESS_TOKEN: 'token',
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };

  /** Runs deploy.sh; if all checks succeed, it stops at the secrets, because pass has none. */
  const deploy = async (env: Readonly<Record<string, string>> = {}, ...args: readonly string[]): Promise<Outcome> => {
    const deployments = await writeDeployments(folder);
    const options = ['--deployments', deployments, '--deploy-folder', folder.path];
    const given = { PATH: bin.path, ...CREDENTIALS, ...env };
    return await runScript('deploy.sh', [args[0] ?? 'app', ...args.slice(1), ...options], { env: given });
  };

  const refuses = async (outcome: Promise<Outcome>, message: RegExp): Promise<void> => {
    const { code, stderr } = await outcome;
    assert.match(stderr, message);
    assert.equal(code, 1);
    assert.doesNotMatch(stderr, /\n\s+at /, 'a stack is for bugs');
    assert.deepEqual(await readdir(folder.path), ['deployments.yml'], 'nothing was made');
  };

  it('makes one check after the other and prints each', async () => {
    await bin.add('pass', '[ "$1" = version ] || { echo "not in the password store" >&2; exit 1; }');
    const { stdout, stderr } = await deploy();
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('ok: ')),
      [
        'ok: make',
        'ok: packer',
        'ok: aws',
        'ok: pass',
        'ok: a clean git tree',
        'ok: Taskcluster credentials',
        'ok: AWS credentials',
        'ok: AWS account example-workers',
      ],
    );
    assert.match(
      stderr,
      /pass show docker-worker\/example\.yml failed: not in the password store\nGet the password store/,
    );
  });

  it('requires a supported Node.js', async () => {
    await bin.remove('node');
    await refuses(deploy(), /^node: not found\. Install Node\.js 20\.19 or newer/);
    await bin.add('node', 'echo v18.20.0');
    await refuses(deploy(), /^node: v18\.20\.0 is too old\. Install Node\.js 20\.19 or newer/);
  });

  it('requires make', async () => {
    await bin.remove('make');
    await refuses(deploy(), /^deploy\.sh: make: not found\. Install it \(apt-get install make\)/);
  });

  it("requires HashiCorp's packer", async () => {
    await bin.remove('packer');
    await refuses(deploy(), /packer: not found\. Install HashiCorp packer/);
    await bin.add('packer', 'echo "0 0"; exit 1');
    await refuses(deploy(), /packer: the program on the PATH is not HashiCorp packer, but probably that of cracklib/);
  });

  it('requires a packer that supports the templates', async () => {
    await bin.add('packer', 'echo Packer v1.6.5');
    await refuses(
      deploy(),
      /packer: version 1\.6\.5 is too old, the templates need 1\.6\.6\. Install HashiCorp packer/,
    );
  });

  it('requires the plugin that packer no longer includes since 1.10, and prints the command to install it', async () => {
    const plugin =
      '/root/.config/packer/plugins/github.com/hashicorp/amazon/packer-plugin-amazon_v1.8.0_x5.0_linux_amd64';
    // Without plugins it prints nothing.
    await bin.add('packer', 'case $1 in version) echo Packer v1.16.0 ;; esac');
    await bin.add('aws', 'exit 9');
    for (const target of ['base', 'app']) {
      await refuses(
        deploy({}, target),
        /the plugin amazon is missing; .* 1\.16\.0 .*\. Install it: packer plugins install github\.com\/hashicorp\/amazon\n.*--path /,
      );
    }
    await refuses(
      deploy({}, 'packet'),
      /the plugin docker is missing.*packer plugins install github\.com\/hashicorp\/docker\n/,
    );
    await bin.add('packer', `case "$*" in version) echo Packer v1.16.0 ;; 'plugins installed') echo ${plugin} ;; esac`);
    await refuses(deploy(), /aws --version failed/);
  });

  it('requires the AWS CLI', async () => {
    await bin.remove('aws');
    await refuses(deploy(), /aws: not found\. Install the AWS CLI/);
  });

  it('requires pass', async () => {
    await bin.remove('pass');
    await refuses(deploy(), /pass: not found\. Install it \(https:\/\/www\.passwordstore\.org/);
  });

  it('requires a known deployment', async () => {
    await refuses(deploy({ TASKCLUSTER_ROOT_URL: '' }), /TASKCLUSTER_ROOT_URL is not set\. Set it to/);
    await refuses(
      deploy({ TASKCLUSTER_ROOT_URL: 'https://other.example.com' }),
      /https:\/\/other\.example\.com, which is not in deploy\/deployments\.yml\. .*\n {2}https:\/\/tc\.example\.com/,
    );
  });

  for (const name of ['TASKCLUSTER_CLIENT_ID', 'TASKCLUSTER_ACCESS_TOKEN']) {
    it(`requires ${name}`, async () => {
      await refuses(deploy({ [name]: '' }), new RegExp(`${name} is not set: .* Sign in: eval \\$\\(cat scopes\\.txt`));
    });
  }

  it('requires complete and valid AWS credentials', async () => {
    await refuses(deploy({ AWS_SECRET_ACCESS_KEY: '' }), /AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is/);
    await bin.add('aws', 'case $1 in sts) echo "Unable to locate credentials" >&2; exit 255 ;; esac');
    await refuses(deploy(), /Unable to locate credentials\nNo valid AWS credentials were found\. Set AWS_PROFILE/);
  });

  it("requires credentials of the deployment's account, and the permission to check that", async () => {
    await bin.add('aws', `case $1 in iam) echo '{ "AccountAliases": ["other"] }' ;; esac`);
    await refuses(
      deploy(),
      /The AWS credentials are for the account other, but the machines of https:\/\/tc\.example\.com are in example-workers/,
    );
    await bin.add('aws', 'case $1 in iam) echo AccessDenied >&2; exit 254 ;; esac');
    await refuses(deploy(), /AccessDenied\nYour AWS user or role needs the permission iam:ListAccountAliases/);
  });

  it('requires a git tree without changes, except for a test', async () => {
    await bin.add('git', 'echo " M src/bin/worker.ts"');
    await refuses(
      deploy(),
      /changes that are not committed.*\n M src\/bin\/worker\.ts\nCommit or stash them, or build with --test/,
    );
    await bin.add('pass', '[ "$1" = version ] || { echo "not in the password store" >&2; exit 1; }');
    await refuses(deploy({}, 'app', '--test'), /not in the password store/);
  });

  it('checks only what the target needs', async () => {
    for (const name of ['make', 'pass']) await bin.remove(name);
    await bin.add('aws', `case $1 in iam) echo '${ALIASES}' ;; ssm) echo Denied >&2; exit 254 ;; esac`);
    await refuses(
      deploy({ TASKCLUSTER_CLIENT_ID: '' }, 'base'),
      /newest Ubuntu AMI could not be found: aws ssm get-parameter .* answered: Denied\n.*ssm:GetParameter.*--source-ami/,
    );
  });

  it('refuses unknown targets and options', async () => {
    for (const args of [['bogus'], ['app', '--bogus']]) {
      const { code, stderr } = await deploy({}, ...args);
      assert.equal(code, 2);
      assert.match(stderr, /bogus[^]*--help shows all options/);
    }
  });
});
