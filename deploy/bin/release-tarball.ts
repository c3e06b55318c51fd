import { Command } from 'commander';
import { findNodeRelease } from '../lib/node-release.js';
import { CHECKOUT, DEPLOY_FOLDER } from '../lib/paths.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';
import { buildReleaseTarball, releaseTarballIn } from '../lib/release-tarball.js';

const terminal = new ProcessTerminal(process);

const command = new Command('release-tarball')
  .description(
    'Packs the worker of this checkout with its packages and with Node.js (for x64), as in a release: unpacked ' +
      'anywhere, docker-worker/bin/docker-worker starts the worker. Needs the npm registry and nodejs.org.',
  )
  .option('-o, --output <file>', 'tarball to write', releaseTarballIn(DEPLOY_FOLDER))
  .option('--dry-run', 'only print what would be done')
  .action(async ({ output, dryRun }: { readonly output: string; readonly dryRun?: true }) => {
    const node = await findNodeRelease(DEPLOY_FOLDER);
    if (dryRun) {
      terminal.say(`Would compile the worker (npm run build), install its packages (npm ci --omit=dev), download`);
      terminal.say(`  ${node.url} (SHA-256 ${node.sha256})`);
      terminal.say(`and pack all of it into ${output}.`);
      return;
    }
    await buildReleaseTarball({ checkout: CHECKOUT, node }, output, new ProcessTools(process.env, process));
    terminal.say(output);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
