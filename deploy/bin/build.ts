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

/** Refuses options that do not begin with a single dash, as packer's do: they are mistakes and must not be ignored. */
function assertPackerTarget(target: Target, options: readonly string[]): void {
  const [first = '-'] = options;
  const mistake = options.find((option) => /^--./.test(option)) ?? (first.startsWith('-') ? undefined : first);
  if (mistake !== undefined) command.error(`error: '${mistake}' is not an option of this program or of packer`);
  if (target === 'packet' && options.length > 0) command.error('error: packet takes no options for packer');
}

const command = new Command('build')
  .description(
    'Builds AMIs with packer for the deployment at TASKCLUSTER_ROOT_URL, with the variables of deploy/deploy.json, and ' +
      'writes their ids to deploy/amis. base: packages, docker, kernel modules, on Ubuntu. app: the worker and its ' +
      'configuration, on base. packet: an image for packet.net. ./deploy.sh checks the prerequisites and imports the ' +
      'secrets before it does the same.',
  )
  .addArgument(new Argument('<target>', 'what to build').choices(TARGETS))
  .argument('[packer-options...]', 'for base and app: passed to packer build, such as -debug or -on-error=ask')
  // Packer's options begin with one dash.
  .allowUnknownOption()
  .option('--source-ami <id>', "AMI to build on, in place of the newest Ubuntu (base) or the account's base AMI (app)")
  .option('--test', 'for tests: one region, no trusted builder, and a name that says so')
  .option('--deployments <file>', 'table of deployments', DEPLOYMENTS_FILE)
  .option('--dry-run', 'print each step and the exact packer command, and do nothing')
  .action(async (target: Target, packerOptions: readonly string[], flags: Flags) => {
    const { deployments, sourceAmi, test, dryRun } = flags;
    assertPackerTarget(target, packerOptions);
    await packerPrerequisite(tools, target === 'packet' ? 'docker' : 'amazon').check();
    if (target === 'packet') {
      await (dryRun ? describePacket(machine) : buildPacket(machine));
      return;
    }
    const deployment = findDeployment(await readDeployments(deployments), rootUrlOf(process.env));
    const given = { target, deployment, isTest: test ?? false, packerOptions };
    const options = { ...given, ...(sourceAmi === undefined ? {} : { sourceAmi }) };
    if (dryRun) await describeBuild(options, machine);
    else await runBuild(options, machine);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
