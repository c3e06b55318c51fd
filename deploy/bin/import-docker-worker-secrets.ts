import { resolve } from 'node:path';
import { Command } from 'commander';
import { writeDeployJson } from '../lib/deploy-json.js';
import { findDeployment, readDeployments } from '../lib/deployments.js';
import { entryOf, importSecrets, missingFrom } from '../lib/import-secrets.js';
import { DEPLOYMENTS_FILE, DEPLOY_FOLDER } from '../lib/paths.js';
import { rootUrlOf } from '../lib/prerequisites.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';

interface Flags {
  readonly deployment?: string;
  readonly deployments: string;
  readonly output: string;
  readonly dryRun?: true;
}

const terminal = new ProcessTerminal(process);

/** Returns the named deployment, or the one at TASKCLUSTER_ROOT_URL, whose root URL is then added to the values. */
async function source({
  deployment,
  deployments,
}: Flags): Promise<{ readonly name: string; readonly rootUrl?: string }> {
  if (deployment !== undefined) return { name: deployment };
  return findDeployment(await readDeployments(deployments), rootUrlOf(process.env));
}

const command = new Command('import-docker-worker-secrets')
  .description(
    "Writes deploy/deploy.json (readable by you only, ignored by git) from the deployment's entry in the password store, " +
      'docker-worker/<name of the deployment>.yml: YAML with a text for each variable of deploy/variables.ts that has no ' +
      'default.',
  )
  .option('--deployment <name>', 'name of the deployment (default: the one at TASKCLUSTER_ROOT_URL)')
  .option('--deployments <file>', 'table of deployments', DEPLOYMENTS_FILE)
  .option('--output <file>', 'file to write', resolve(DEPLOY_FOLDER, 'deploy.json'))
  .option('--dry-run', 'only print what would be read and written')
  .action(async (flags: Flags) => {
    const { name, rootUrl } = await source(flags);
    const entry = entryOf(name);
    if (flags.dryRun) {
      terminal.say(`Would read the entry ${entry} of the password store and write ${flags.output}.`);
      return;
    }
    const imported = await importSecrets(entry, new ProcessTools(process.env, process));
    const values = { ...imported, ...(rootUrl === undefined ? {} : { rootUrl }) };
    await writeDeployJson(flags.output, values);
    terminal.say(`${flags.output} has ${Object.keys(values).length} variables of ${entry}.`);
    const missing = missingFrom(values, process.env);
    if (missing.length > 0) terminal.say(`Without a value: ${missing.join(', ')}.`);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
