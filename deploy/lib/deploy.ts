import { join } from 'node:path';
import { buildPacket, describePacket } from './build-packet.js';
import type { Target } from './build-plan.js';
import { describeBuild } from './describe-build.js';
import { writeDeployJson } from './deploy-json.js';
import type { Deployment } from './deployments.js';
import { entryOf, importSecrets } from './import-secrets.js';
import {
  accountPrerequisite,
  awsCredentialsPrerequisite,
  awsPrerequisite,
  gitPrerequisite,
  makePrerequisite,
  packerPrerequisite,
  passPrerequisite,
  taskclusterPrerequisite,
} from './prerequisites.js';
import type { Prerequisite } from './prerequisites.js';
import { recordsIn, runBuild } from './run-build.js';
import type { BuildMachine } from './run-build.js';
import { commandLine } from './tools.js';
import { updateWorkerTypes } from './update-worker-types.js';

export interface DeployOptions {
  readonly target: Target;
  readonly deployment: Deployment;
  readonly isTest: boolean;
  readonly isDryRun: boolean;
  /** True to change the worker pools without asking. */
  readonly isConfirmed: boolean;
  readonly isTerminating: boolean;
  readonly sourceAmi?: string;
}

/** Runs all steps of a deployment up to worker pools with the new AMI. Throws a DeployError at the first problem. */
export async function deploy(options: DeployOptions, machine: BuildMachine): Promise<void> {
  const { deployment, isDryRun } = options;
  machine.terminal.say(`Deployment ${deployment.name}: ${deployment.rootUrl}`);
  await checkAll(options, machine);
  // The base does not contain anything specific to a deployment.
  if (options.target !== 'base') await secrets(options, machine);
  const record = await (isDryRun ? describe(options, machine) : build(options, machine));
  if (record !== undefined && isUpdating(options)) await update(record, options, machine);
}

/** Returns whether worker pools are updated: only for production builds, and only if deployments.yml enables it. */
function isUpdating({ target, isTest, deployment }: DeployOptions): boolean {
  return target === 'app' && !isTest && deployment.updateWorkerPools;
}

async function checkAll(options: DeployOptions, machine: BuildMachine): Promise<void> {
  const { terminal } = machine;
  for (const prerequisite of prerequisitesOf(options, machine)) {
    const { name, remote } = prerequisite;
    if (options.isDryRun && remote) terminal.say(`would check ${name}: ${commandLine(remote)}`);
    else {
      await prerequisite.check();
      terminal.say(`ok: ${name}`);
    }
  }
}

function prerequisitesOf(options: DeployOptions, { tools, env, checkout }: BuildMachine): readonly Prerequisite[] {
  const { target, isTest, deployment } = options;
  const isOnAws = target !== 'packet';
  return [
    ...(target === 'base' ? [] : [makePrerequisite(tools)]),
    packerPrerequisite(tools, isOnAws ? 'amazon' : 'docker'),
    ...(isOnAws ? [awsPrerequisite(tools)] : []),
    ...(target === 'base' ? [] : [passPrerequisite(tools)]),
    ...(isTest ? [] : [gitPrerequisite(tools, checkout)]),
    ...(isUpdating(options) ? [taskclusterPrerequisite(env)] : []),
    ...(isOnAws ? [awsCredentialsPrerequisite(tools, env), accountPrerequisite(tools, deployment)] : []),
  ];
}

async function secrets({ deployment, isDryRun }: DeployOptions, machine: BuildMachine): Promise<void> {
  const { terminal, tools, deployFolder } = machine;
  const [entry, file] = [entryOf(deployment.name), join(deployFolder, 'deploy.json')];
  if (isDryRun) {
    terminal.say(`Would read the secrets of ${deployment.name} (pass show ${entry}) into ${file}.`);
    return;
  }
  const values = await importSecrets(entry, tools);
  await writeDeployJson(file, { ...values, rootUrl: deployment.rootUrl });
  terminal.say(`ok: secrets of ${deployment.name}, in ${file}`);
}

async function build(options: DeployOptions, machine: BuildMachine): Promise<string | undefined> {
  const { target } = options;
  if (target !== 'packet') return await runBuild({ ...options, target }, machine);
  await buildPacket(machine);
  return undefined;
}

async function describe(options: DeployOptions, machine: BuildMachine): Promise<undefined> {
  const { target, deployment } = options;
  if (target === 'packet') await describePacket(machine);
  else await describeBuild({ ...options, target }, machine);
  if (isUpdating(options)) {
    machine.terminal.say(`Would update the worker pools of ${deployment.rootUrl} to use them:`);
    machine.terminal.say('  deploy/bin/update-worker-types --record <that file>');
  } else if (target === 'app') machine.terminal.say('Worker pools would not be changed.');
}

async function update(record: string, options: DeployOptions, machine: BuildMachine): Promise<void> {
  const flags = {
    record,
    pool: [],
    replace: [],
    aws: true,
    backups: join(machine.deployFolder, 'backups'),
    records: recordsIn(machine.deployFolder),
    ...(options.isConfirmed ? { yes: true as const } : {}),
    ...(options.isTerminating ? { terminate: true as const } : {}),
  };
  await updateWorkerTypes(flags, machine);
}
