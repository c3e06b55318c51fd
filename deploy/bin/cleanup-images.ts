import { Command, InvalidArgumentError, Option } from 'commander';
import { cleanUpImages } from '../lib/cleanup-images.js';
import { DeployError } from '../lib/deploy-error.js';
import { findDeployment, readDeployments } from '../lib/deployments.js';
import type { Deployment } from '../lib/deployments.js';
import { DEPLOYMENTS_FILE } from '../lib/paths.js';
import { workerManagerOf } from '../lib/pool-definition.js';
import { rootUrlOf } from '../lib/prerequisites.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';

interface Flags {
  readonly olderThan: number;
  readonly keep: number;
  readonly region: readonly string[];
  readonly deployments: string;
  readonly delete?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** Refuses an account that is shared with another deployment: which AMIs its pools use is unknown here. */
function assertAccountUnshared({ account, rootUrl }: Deployment, deployments: readonly Deployment[]): void {
  const others = deployments.filter((each) => each.account === account && each.rootUrl !== rootUrl);
  if (others.length === 0) return;
  throw new DeployError(
    `The AWS account ${account} also works for ${others.map((each) => each.rootUrl).join(', ')}: their worker pools may ` +
      'use AMIs that no pool of this one does. List without --delete, and remove them by hand.',
  );
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

const command = new Command('cleanup-images')
  .description(
    'Lists old AMIs from our builds that no worker pool of the deployment at ' +
      'TASKCLUSTER_ROOT_URL uses; --delete removes them and their snapshots. Base AMIs of deploy/deployments.yml ' +
      'stay. Needs TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN and AWS credentials.',
  )
  .option('--older-than <days>', 'keep younger AMIs', wholeNumber, 90)
  .option('--keep <n>', 'keep the newest <n> of each kind in each region', wholeNumber, 3)
  .option('--region <name>', 'only this region (default: amiRegions of the deployment); may be repeated', collect, [])
  .option('--deployments <file>', 'table of deployments', DEPLOYMENTS_FILE)
  .option('--delete', 'remove the AMIs instead of only listing them')
  .addOption(new Option('--dry-run', 'only list the AMIs, as without --delete').conflicts('delete'))
  .option('--yes', 'remove the AMIs without asking')
  .action(async (flags: Flags) => {
    const deployments = await readDeployments(flags.deployments);
    const deployment = findDeployment(deployments, rootUrlOf(process.env));
    if (flags.delete) assertAccountUnshared(deployment, deployments);
    const options = {
      regions: flags.region.length > 0 ? flags.region : deployment.amiRegions,
      targets: ['app', 'base'],
      olderThanDays: flags.olderThan,
      keep: flags.keep,
      pinned: new Set(deployments.flatMap(({ baseAmi }) => baseAmi ?? [])),
      isDeleting: flags.delete ?? false,
      isConfirmed: flags.yes ?? false,
    };
    const [tools, terminal] = [new ProcessTools(process.env, process), new ProcessTerminal(process)];
    await cleanUpImages(options, { manager: workerManagerOf(process.env), tools, terminal, now: new Date() });
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
