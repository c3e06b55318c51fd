import { Command } from 'commander';
import { BACKUPS, RECORDS } from '../lib/paths.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';
import { updateWorkerTypes } from '../lib/update-worker-types.js';
import type { UpdateFlags } from '../lib/update-worker-types.js';

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

const command = new Command('update-worker-types')
  .description(
    'Lets the worker pools of the deployment of TASKCLUSTER_ROOT_URL use the AMIs that deploy/bin/build app made: each ' +
      'launch configuration with an older AMI of ours gets the new one of its region. What the pools were is written to ' +
      'a backup first, for deploy/bin/rollback-worker-types. Needs TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN.',
  )
  .option('--record <file>', 'record of the build (default: the newest of the deployment in deploy/amis, no test)')
  .option('--pool <name>', 'only this pool, * stands for any text; may be repeated', collect, [])
  .option('--replace <ami>', 'take this AMI for ours too, or as ami=builder; may be repeated', collect, [])
  .option('--no-aws', 'know older AMIs only by deploy/amis and --replace, without asking AWS')
  .option('--backups <directory>', 'where the backup is written', BACKUPS)
  .option('--records <directory>', 'where the records of builds are', RECORDS)
  .option('--terminate', 'also remove the running workers of those pools: their tasks are run again elsewhere')
  .option('--yes', 'do it without asking')
  .option('--dry-run', 'show what would change, and change nothing')
  .action(async (flags: UpdateFlags) => {
    const machine = {
      env: process.env,
      tools: new ProcessTools(process.env, process),
      terminal: new ProcessTerminal(process),
    };
    await updateWorkerTypes(flags, machine);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
