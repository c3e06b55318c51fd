import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { buildTemplate, deployTarballIn, templateUses } from '../lib/build-template.js';
import { DEPLOY_FOLDER } from '../lib/paths.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { runProgram } from '../lib/program.js';
import { secretNames } from '../lib/resolve-variables.js';

interface Flags {
  readonly folder: string;
  readonly dryRun?: true;
}

const terminal = new ProcessTerminal(process);

const command = new Command('build-template')
  .description(
    'Renders deploy/template into deploy/target and packs that into deploy/deploy.tar.gz, as make -C deploy does. Values ' +
      'come from deploy/deploy.json, then from the defaults in deploy/variables.ts; missing ones are asked for on a ' +
      'terminal. A file with a secret is readable by its owner only; other modes are kept.',
  )
  .option('--folder <directory>', 'with template/ and deploy.json', DEPLOY_FOLDER)
  .option('--dry-run', 'only print which file uses which variables')
  .action(async ({ folder, dryRun }: Flags) => {
    if (dryRun) {
      const secrets = secretNames();
      for (const { file, variable } of await templateUses(folder)) {
        terminal.say(`${file}: ${variable}${secrets.has(variable) ? ' (secret)' : ''}`);
      }
      return;
    }
    const files = await buildTemplate({ folder: resolve(folder), env: process.env, terminal });
    terminal.say(
      `${files} files are rendered into ${join(folder, 'target')} and packed into ${deployTarballIn(folder)}.`,
    );
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
