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
    'Updates the worker pools of the deployment at TASKCLUSTER_ROOT_URL to the AMIs from deploy/bin/build app: each ' +
      'launch configuration with an older AMI of ours gets the new one of its region. First writes the previous state ' +
      'to a backup for deploy/bin/rollback-worker-types. Needs TASKCLUSTER_CLIENT_ID and TASKCLUSTER_ACCESS_TOKEN.',
  )
  .option('--record <file>', 'record of the build (default: the newest of the deployment in deploy/amis, except tests)')
  .option('--pool <name>', 'only this pool, * stands for any text; may be repeated', collect, [])
  .option('--replace <ami>', 'also replace this AMI; with its builder: ami=builder; may be repeated', collect, [])
  .option('--no-aws', 'recognize older AMIs only by deploy/amis and --replace, without asking AWS')
  .option('--backups <directory>', 'directory for the backup', BACKUPS)
  .option('--records <directory>', 'directory with the records of builds', RECORDS)
  .option('--terminate', 'also remove the running workers of those pools; the queue reruns their tasks')
  .option('--yes', 'update without asking')
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
