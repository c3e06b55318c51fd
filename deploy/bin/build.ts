import { Argument, Command } from 'commander';
import { TARGETS } from '../lib/build-plan.js';
import type { Target } from '../lib/build-plan.js';
import { buildPacket, describePacket } from '../lib/build-packet.js';
import { findDeployment, readDeployments } from '../lib/deployments.js';
import { CHECKOUT, DEPLOYMENTS_FILE, DEPLOY_FOLDER } from '../lib/paths.js';
import { packerPrerequisite, rootUrlOf } from '../lib/prerequisites.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';
import { describeBuild } from '../lib/describe-build.js';
import { runBuild } from '../lib/run-build.js';

interface Flags {
  readonly deployments: string;
  readonly sourceAmi?: string;
  readonly test?: true;
  readonly dryRun?: true;
}

const tools = new ProcessTools(process.env, process);
const machine = {
  tools,
  terminal: new ProcessTerminal(process),
  env: process.env,
  checkout: CHECKOUT,
  deployFolder: DEPLOY_FOLDER,
};

const command = new Command('build')
  .description(
    'Builds AMIs with packer for the deployment of TASKCLUSTER_ROOT_URL, with the variables of deploy/deploy.json, and ' +
      'writes their ids to deploy/amis. base: packages, docker, kernel modules, on Ubuntu. app: the worker and its ' +
      'configuration, on base. packet: an image for packet.net. ./deploy.sh checks the prerequisites and imports the ' +
      'secrets before it does the same.',
  )
  .addArgument(new Argument('<target>', 'what to build').choices(TARGETS))
  .option(
    '--source-ami <id>',
    "AMI to begin with, in place of the newest Ubuntu (base) or the account's base AMI (app)",
  )
  .option('--test', 'for trying out: one region, without the trusted builder, and named so')
  .option('--deployments <file>', 'table of deployments', DEPLOYMENTS_FILE)
  .option('--dry-run', 'say each step and the exact packer command, and do nothing')
  .action(async (target: Target, { deployments, sourceAmi, test, dryRun }: Flags) => {
    await packerPrerequisite(tools).check();
    if (target === 'packet') {
      await (dryRun ? describePacket(machine) : buildPacket(machine));
      return;
    }
    const deployment = findDeployment(await readDeployments(deployments), rootUrlOf(process.env));
    const options = { target, deployment, isTest: test ?? false, ...(sourceAmi === undefined ? {} : { sourceAmi }) };
    if (dryRun) await describeBuild(options, machine);
    else await runBuild(options, machine);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
