import { join } from 'node:path';
import type { AmiRecord } from './ami-record.js';
import { writeRecord } from './ami-record.js';
import { baseAmiOf, findUbuntuAmi, planBuild } from './build-plan.js';
import type { BuildOptions, BuildPlan } from './build-plan.js';
import { readDeployJson } from './deploy-json.js';
import { DeployError } from './deploy-error.js';
import { runPacker } from './packer.js';
import type { Terminal } from './terminal.js';
import type { Tools } from './tools.js';
import { buildWorkerTarball, workerTarballIn } from './worker-tarball.js';

export interface BuildMachine {
  readonly tools: Tools;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Root of the checkout. */
  readonly checkout: string;
  readonly deployFolder: string;
}

/** Returns the directory of the build records. */
export function recordsIn(deployFolder: string): string {
  return join(deployFolder, 'amis');
}

/** Builds the machine's tarballs, runs packer, and records the AMIs. Returns the file of the record. */
export async function runBuild(options: BuildOptions, machine: BuildMachine): Promise<string> {
  const { tools, terminal, env, deployFolder } = machine;
  const { target, deployment } = options;
  await assertDeployment(deployment.rootUrl, deployFolder);
  const sourceAmi = options.sourceAmi ?? (await findSourceAmi(options, tools));
  const checkout = { version: await versionOf(machine), deployFolder };
  // This precedes the slow steps, because it fails when a variable is missing.
  const plan = await planBuild({ ...options, sourceAmi }, checkout, { env, terminal, now: new Date() });
  if (target === 'app') await buildTarballs(machine);
  const made = await runPacker(plan, machine);
  assertAllBuilt(plan, made);
  const { amiName } = plan;
  const record = {
    target,
    amiName,
    isTest: options.isTest,
    rootUrl: deployment.rootUrl,
    built: new Date().toISOString(),
    builders: made,
  };
  const file = await writeRecord(recordsIn(deployFolder), record);
  terminal.say(`The AMIs are in ${file}:`);
  for (const line of amiLines(record)) terminal.say(line);
  if (target === 'base') terminal.say(nextForBase(record, deployment));
  return file;
}

/** Renders the templates and packs the worker. Throws DeployError. */
export async function buildTarballs({ tools, checkout, deployFolder }: BuildMachine): Promise<void> {
  await buildWorkerTarball(checkout, workerTarballIn(deployFolder), tools);
  const code = await tools.run({ command: 'make', args: ['--no-print-directory', '-C', deployFolder] });
  if (code === undefined) throw new DeployError('make: not found. Install it (apt-get install make).');
  if (code !== 0) throw new DeployError(`make -C ${deployFolder} failed; see its output.`);
}

/** Returns the version in package.json and the commit. Throws DeployError. */
export async function versionOf({ tools, checkout }: BuildMachine): Promise<string> {
  const version = await tools.capture({
    command: 'node',
    args: ['-p', 'require("./package.json").version'],
    cwd: checkout,
  });
  const commit = await tools.capture({ command: 'git', args: ['rev-parse', '--short=8', 'HEAD'], cwd: checkout });
  if (version?.code === 0 && commit?.code === 0) return `${version.stdout.trim()}-${commit.stdout.trim()}`;
  throw new DeployError(
    `The commit of ${checkout} could not be determined: ${commit?.stderr.trim() ?? 'git: not found.'}`,
  );
}

async function findSourceAmi({ target, deployment }: BuildOptions, tools: Tools): Promise<string> {
  return target === 'app' ? baseAmiOf(deployment) : await findUbuntuAmi(deployment.region, tools);
}

/** Throws if deploy.json is for another deployment, whose secrets would end up on this one's machines. */
async function assertDeployment(rootUrl: string, deployFolder: string): Promise<void> {
  const { rootUrl: stored } = await readDeployJson(join(deployFolder, 'deploy.json'));
  if (stored === undefined || stored === rootUrl) return;
  throw new DeployError(
    `deploy/deploy.json has the secrets of ${stored}, but this build is for ${rootUrl}. Run ` +
      'deploy/bin/import-docker-worker-secrets for it.',
  );
}

function assertAllBuilt({ builders }: BuildPlan, made: AmiRecord['builders']): void {
  const missing = builders.filter((builder) => made[builder] === undefined);
  if (missing.length === 0) return;
  throw new DeployError(`packer succeeded, but did not report an AMI from ${missing.join(', ')}. See its output.`);
}

function amiLines({ builders }: AmiRecord): readonly string[] {
  return Object.entries(builders).flatMap(([builder, amis]) =>
    Object.entries(amis).map(([region, ami]) => `  ${builder} ${region}: ${ami}`),
  );
}

function nextForBase({ builders }: AmiRecord, { account, region }: BuildOptions['deployment']): string {
  const ami = Object.values(builders)[0]?.[region] ?? '';
  return (
    `Now enter it as baseAmi of the account ${account} in deploy/deployments.yml (baseAmi: ${ami}). Build the base AMI ` +
    'for all AWS accounts, or remove the AMI for accounts where you did not build it.'
  );
}
