import { Command } from 'commander';
import { DeployError } from '../lib/deploy-error.js';
import { readBackup } from '../lib/pool-backup.js';
import { workerManagerOf } from '../lib/pool-definition.js';
import { rootUrlOf } from '../lib/prerequisites.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { runProgram } from '../lib/program.js';
import { rollbackPools } from '../lib/rollback-pools.js';
import { trimEnd } from '../../src/lib/util/trim-end.js';

interface Flags {
  readonly terminate?: true;
  readonly force?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

const command = new Command('rollback-worker-types')
  .description(
    'Restores worker pools to their state before deploy/bin/update-worker-types. Skips a pool that was changed ' +
      'since then. Needs TASKCLUSTER_ROOT_URL, TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN.',
  )
  .argument('<backup>', 'file that update-worker-types wrote')
  .option('--force', 'also restore pools that were changed since then')
  .option('--terminate', 'also remove the running workers of those pools; the queue reruns their tasks')
  .option('--yes', 'restore without asking')
  .option('--dry-run', 'print what would be done, and change nothing')
  .action(async (file: string, { dryRun, yes, force, terminate }: Flags) => {
    const backup = await readBackup(file);
    const rootUrl = trimEnd(rootUrlOf(process.env), '/');
    if (backup.rootUrl !== rootUrl) {
      throw new DeployError(`The backup is of ${backup.rootUrl}, but TASKCLUSTER_ROOT_URL is ${rootUrl}.`);
    }
    const options = {
      isDryRun: dryRun ?? false,
      isConfirmed: yes ?? false,
      isForced: force ?? false,
      isTerminating: terminate ?? false,
    };
    const deps = { manager: workerManagerOf(process.env), terminal: new ProcessTerminal(process) };
    await rollbackPools(backup, options, deps);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
