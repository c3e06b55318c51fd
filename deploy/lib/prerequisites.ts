import { DeployError } from './deploy-error.js';
import type { Deployment } from './deployments.js';
import { commandLine } from './tools.js';
import type { Call, Ended, Tools } from './tools.js';

type Env = Readonly<Record<string, string | undefined>>;

/** A prerequisite that is checked before anything is done. `check` throws a DeployError that says how to meet it. */
export interface Prerequisite {
  readonly name: string;
  check(): Promise<void>;
  /** A call to another machine; not made in a dry run. */
  readonly remote?: Call;
}

/** Returns the check for GNU make, which runs deploy/Makefile. */
export function makePrerequisite(tools: Tools): Prerequisite {
  return {
    name: 'make',
    check: async () => {
      await runOrFail(tools, { command: 'make', args: ['--version'] }, 'Install it (apt-get install make).');
    },
  };
}

/** The packer plugins that build our images. */
export type PackerPlugin = 'amazon' | 'docker';

/** The first version that supports everything our templates use. */
const OLDEST_PACKER = [1, 6, 6] as const;
/** Since this version, packer does not include any plugins. */
const PACKER_WITHOUT_PLUGINS = [1, 10, 0] as const;

const GET_PACKER =
  'Install HashiCorp packer (https://developer.hashicorp.com/packer/install; apt-get install packer on Debian).';

/**
 * Returns the check for a recent enough HashiCorp packer with the plugin. The cracklib packages have a program of the
 * same name.
 */
export function packerPrerequisite(tools: Tools, plugin: PackerPlugin): Prerequisite {
  return {
    name: 'packer',
    check: async () => {
      const version = await packerVersion(tools);
      if (isOlder(version, OLDEST_PACKER)) {
        throw new DeployError(
          `packer: version ${version.join('.')} is too old, the templates need ${OLDEST_PACKER.join('.')}. ${GET_PACKER}`,
        );
      }
      if (!isOlder(version, PACKER_WITHOUT_PLUGINS)) await assertPlugin(tools, plugin, version.join('.'));
    },
  };
}

type Version = readonly [number, number, number];

async function packerVersion(tools: Tools): Promise<Version> {
  const { stdout } = await runOrFail(tools, packerCall('version'), GET_PACKER, 'any exit code');
  const found = /^Packer v(\d{1,9})\.(\d{1,9})\.(\d{1,9})/m.exec(stdout);
  if (found) return [Number(found[1]), Number(found[2]), Number(found[3])];
  throw new DeployError(
    `packer: the program on the PATH is not HashiCorp packer, but probably that of cracklib (\`packer version\` should ` +
      `answer "Packer v…"). ${GET_PACKER} Put it before the other one on the PATH.`,
  );
}

function isOlder(version: Version, than: Version): boolean {
  for (const [index, part] of version.entries()) {
    const other = than[index] ?? 0;
    if (part !== other) return part < other;
  }
  return false;
}

async function assertPlugin(tools: Tools, plugin: PackerPlugin, version: string): Promise<void> {
  const source = `github.com/hashicorp/${plugin}`;
  const install =
    `Install it: packer plugins install ${source}\nOn a machine that can't reach GitHub: packer plugins install ` +
    `--path packer-plugin-${plugin} ${source}, with the program of https://releases.hashicorp.com/packer-plugin-${plugin}.`;
  const { stdout } = await runOrFail(tools, packerCall('plugins', 'installed'), install);
  // One path per line; empty without plugins.
  if (stdout.split('\n').some((line) => line.includes(`/packer-plugin-${plugin}_v`))) return;
  throw new DeployError(`packer: the plugin ${plugin} is missing; packer ${version} does not include it. ${install}`);
}

function packerCall(...args: readonly string[]): Call {
  // Disables the request to HashiCorp that checks for a newer version.
  return { command: 'packer', args, env: { CHECKPOINT_DISABLE: '1' } };
}

export function awsPrerequisite(tools: Tools): Prerequisite {
  return {
    name: 'aws',
    check: async () => {
      await runOrFail(
        tools,
        { command: 'aws', args: ['--version'] },
        'Install the AWS CLI (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html; ' +
          'apt-get install awscli on Debian).',
      );
    },
  };
}

export function passPrerequisite(tools: Tools): Prerequisite {
  return {
    name: 'pass',
    check: async () => {
      await runOrFail(
        tools,
        { command: 'pass', args: ['version'] },
        'Install it (https://www.passwordstore.org; apt-get install pass) and clone the password store of the team.',
      );
    },
  };
}

export function gitPrerequisite(tools: Tools, checkout: string): Prerequisite {
  return {
    name: 'a clean git tree',
    check: async () => {
      const call = { command: 'git', args: ['status', '--porcelain'], cwd: checkout };
      const { stdout } = await runOrFail(tools, call, 'Install git, and work in a clone of the repository.');
      if (stdout.trim() === '') return;
      throw new DeployError(
        `git: the working tree has changes that are not committed, so the build could not be traced to a commit:\n` +
          `${stdout.trimEnd()}\nCommit or stash them, or build with --test.`,
      );
    },
  };
}

export function taskclusterPrerequisite(env: Env): Prerequisite {
  const signIn = 'Sign in: eval $(cat scopes.txt | xargs taskcluster signin)';
  return {
    name: 'Taskcluster credentials',
    check: () => {
      for (const name of ['TASKCLUSTER_CLIENT_ID', 'TASKCLUSTER_ACCESS_TOKEN']) {
        if (!env[name])
          throw new DeployError(`${name} is not set: the worker pools can't be changed without it. ${signIn}`);
      }
      return Promise.resolve();
    },
  };
}

/**
 * Returns the check for AWS credentials, which the CLI would only report later. The CLI itself finds profiles and
 * instance roles.
 */
export function awsCredentialsPrerequisite(tools: Tools, env: Env): Prerequisite {
  const call = { command: 'aws', args: ['sts', 'get-caller-identity', '--output', 'json'] };
  return {
    name: 'AWS credentials',
    remote: call,
    check: async () => {
      if (env['AWS_ACCESS_KEY_ID'] && !env['AWS_SECRET_ACCESS_KEY']) {
        throw new DeployError('AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is. Set both, or AWS_PROFILE.');
      }
      await runOrFail(
        tools,
        call,
        'No valid AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with ' +
          'AWS_SESSION_TOKEN for temporary ones), or run aws configure.',
      );
    },
  };
}

/** Returns the check for the right account: worker pools could not use an AMI of another account. */
export function accountPrerequisite(tools: Tools, { account, rootUrl }: Deployment): Prerequisite {
  const call = { command: 'aws', args: ['iam', 'list-account-aliases', '--output', 'json'] };
  return {
    name: `AWS account ${account}`,
    remote: call,
    check: async () => {
      const { stdout } = await runOrFail(
        tools,
        call,
        'Your AWS user or role needs the permission iam:ListAccountAliases.',
      );
      const aliases = aliasesIn(stdout);
      if (aliases.includes(account)) return;
      throw new DeployError(
        `The AWS credentials are for the account ${aliases.join(', ') || '(without an alias)'}, but the machines of ` +
          `${rootUrl} are in ${account}. Use credentials of that account, or correct deploy/deployments.yml.`,
      );
    },
  };
}

function aliasesIn(json: string): readonly string[] {
  const { AccountAliases: aliases = [] } = JSON.parse(json) as { readonly AccountAliases?: readonly string[] };
  return aliases;
}

/** Runs the program. Throws a DeployError with its output and `remedy` when it is missing or fails. */
async function runOrFail(
  tools: Tools,
  call: Call,
  remedy: string,
  accepted: 'success' | 'any exit code' = 'success',
): Promise<Ended> {
  const ended = await tools.capture(call);
  if (!ended) throw new DeployError(`${call.command}: not found. ${remedy}`);
  if (accepted === 'success' && ended.code !== 0) {
    const said = ended.stderr.trim() || ended.stdout.trim();
    throw new DeployError(`${commandLine(call)} failed (exit code ${ended.code}): ${said}\n${remedy}`);
  }
  return ended;
}

/** Returns TASKCLUSTER_ROOT_URL. Throws a DeployError when it is not set. */
export function rootUrlOf(env: Env): string {
  const rootUrl = env['TASKCLUSTER_ROOT_URL'];
  if (rootUrl) return rootUrl;
  throw new DeployError(
    'TASKCLUSTER_ROOT_URL is not set. Set it to the root URL of the deployment, for example: export ' +
      'TASKCLUSTER_ROOT_URL=https://tc.example.com (deploy/deployments.yml lists the known deployments).',
  );
}
