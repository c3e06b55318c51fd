import { Argument, Command, Option } from 'commander';
import { TARGETS } from '../lib/build-plan.js';
import type { Target } from '../lib/build-plan.js';
import { deploy } from '../lib/deploy.js';
import { findDeployment, readDeployments } from '../lib/deployments.js';
import { CHECKOUT, DEPLOYMENTS_FILE, DEPLOY_FOLDER } from '../lib/paths.js';
import { rootUrlOf } from '../lib/prerequisites.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';

interface Flags {
  readonly deployments: string;
  readonly deployFolder: string;
  readonly sourceAmi?: string;
  readonly test?: true;
  readonly dryRun?: true;
  readonly terminate?: true;
  readonly yes?: true;
}

const command = new Command('deploy.sh')
  .description(
    'Checks the prerequisites, imports the secrets of the deployment at TASKCLUSTER_ROOT_URL from the ' +
      'password store, builds its AMIs, and, for app, updates its worker pools to use them. See docs/deployment.md.',
  )
  .addArgument(
    new Argument('<target>', 'base: the machine below app; app: the worker; packet: for packet.net').choices(TARGETS),
  )
  .option('--test', 'for tests: allows uncommitted changes; one region, no trusted builder, unchanged worker pools')
  .option('--dry-run', 'make local checks, print each step and the exact packer command, and do nothing')
  .option('--source-ami <id>', 'AMI to build on, in place of the newest Ubuntu (base) or the base AMI of the account')
  .option('--terminate', 'also remove the running workers of the updated pools; the queue reruns their tasks')
  .option('--yes', 'update the worker pools without asking')
  .option('--deployments <file>', 'table of deployments', DEPLOYMENTS_FILE)
  .addOption(
    new Option('--deploy-folder <directory>', 'in place of deploy/, for tests').default(DEPLOY_FOLDER).hideHelp(),
  )
  .action(async (target: Target, flags: Flags) => {
    const { deployments, deployFolder, sourceAmi } = flags;
    const options = {
      target,
      deployment: findDeployment(await readDeployments(deployments), rootUrlOf(process.env)),
      isTest: flags.test ?? false,
      isDryRun: flags.dryRun ?? false,
      isConfirmed: flags.yes ?? false,
      isTerminating: flags.terminate ?? false,
      ...(sourceAmi === undefined ? {} : { sourceAmi }),
    };
    const [tools, terminal] = [new ProcessTools(process.env, process), new ProcessTerminal(process)];
    await deploy(options, { tools, terminal, env: process.env, checkout: CHECKOUT, deployFolder });
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
