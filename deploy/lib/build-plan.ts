import { join } from 'node:path';
import type { Deployment } from './deployments.js';
import { DeployError } from './deploy-error.js';
import { readDeployJson } from './deploy-json.js';
import { readPackerOptions } from './packer-options.js';
import { packerUses } from './packer.js';
import type { PackerBuild } from './packer.js';
import { resolveVariables } from './resolve-variables.js';
import type { Terminal } from './terminal.js';
import type { Call, Tools } from './tools.js';
import { commandLine } from './tools.js';
import { workerTarballIn } from './worker-tarball.js';

export const TARGETS = ['base', 'app', 'packet'] as const;
export type Target = (typeof TARGETS)[number];

export const UNTRUSTED = 'hvm-builder';
export const TRUSTED = 'hvm-builder-trusted';

/** The SSM parameter where Canonical publishes the id of its newest Ubuntu 24.04 AMI for each region. */
const UBUNTU_PARAMETER = '/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id';

export interface BuildOptions {
  readonly target: 'base' | 'app';
  readonly deployment: Deployment;
  readonly isTest: boolean;
  /** The AMI to build on, in place of the one from the tables. */
  readonly sourceAmi?: string;
  /** Options for packer, as they were typed. */
  readonly packerOptions?: readonly string[];
}

/** The checkout to build. */
export interface Checkout {
  /** Its version and commit, such as `100.0.0-1a2b3c4d`. */
  readonly version: string;
  readonly deployFolder: string;
}

/** One run of packer. */
export interface BuildPlan extends PackerBuild {
  readonly amiName: string;
}

export interface PlanSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly now: Date;
}

/** Returns the call that asks AWS for the newest Ubuntu AMI of a region. */
export function ubuntuAmiCall(region: string): Call {
  const args = ['ssm', 'get-parameter', '--region', region, '--name', UBUNTU_PARAMETER];
  return { command: 'aws', args: [...args, '--query', 'Parameter.Value', '--output', 'text'] };
}

/** Returns the id of the newest Ubuntu 24.04 AMI. Throws DeployError. */
export async function findUbuntuAmi(region: string, tools: Tools): Promise<string> {
  const call = ubuntuAmiCall(region);
  const ended = await tools.capture(call);
  const ami = ended?.stdout.trim() ?? '';
  if (ended?.code === 0 && /^ami-[0-9a-f]+$/.test(ami)) return ami;
  throw new DeployError(
    `The newest Ubuntu AMI could not be found: ${commandLine(call)} answered: ${ended?.stderr.trim() || ami}\n` +
      'It needs the permission ssm:GetParameter; or name an AMI of Ubuntu 24.04 with --source-ami.',
  );
}

/** Returns the base AMI of the deployment's account. Throws a DeployError that says how to get one. */
export function baseAmiOf({ account, baseAmi }: Deployment): string {
  if (baseAmi !== undefined) return baseAmi;
  throw new DeployError(
    `No base AMI is known for the AWS account ${account}. Build one (./deploy.sh base) and enter its id in ` +
      'deploy/deployments.yml: build the base AMI for all AWS accounts, or remove the AMI for accounts where you did not ' +
      'build it.',
  );
}

/** Returns the packer run for a build. Throws DeployError when a variable has no value. */
export async function planBuild(
  { target, deployment, isTest, sourceAmi = '', packerOptions = [] }: BuildOptions,
  { version, deployFolder }: Checkout,
  { env, terminal, now }: PlanSources,
): Promise<BuildPlan> {
  const template = join(deployFolder, 'packer', `${target}.json`);
  const stored = await readDeployJson(join(deployFolder, 'deploy.json'));
  const time = now.toISOString().replace(/[-:]|\..*/g, '');
  const amiName = `docker-worker-${target}${isTest ? '-test' : ''}-${version}-${time}`;
  const perBuild = {
    sourceAmi,
    amiName,
    region: deployment.region,
    // Copies are needed only where instances start: not for a base AMI or a test.
    amiRegions: (isTest || target === 'base' ? [deployment.region] : deployment.amiRegions).join(','),
    account: deployment.account,
    deployTarball: join(deployFolder, 'deploy.tar.gz'),
    workerTarball: workerTarballIn(deployFolder),
    // Filled in once the file exists.
    chainOfTrustKeyFile: '',
  };
  const uses = await packerUses(template);
  const { values } = await resolveVariables(uses, { values: { ...stored, ...perBuild }, env, terminal });
  const chainOfTrustKey = stored['chainOfTrustKey'];
  // A machine is trusted because of its key, so a test build must not contain it.
  const includesTrusted = target === 'app' && !isTest && chainOfTrustKey !== undefined;
  const { builders, rest } = readPackerOptions(packerOptions, includesTrusted ? [UNTRUSTED, TRUSTED] : [UNTRUSTED]);
  return { amiName, template, builders, values, chainOfTrustKey, options: rest };
}
