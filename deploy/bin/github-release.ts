import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { notesOf } from '../lib/changelog.js';
import { DeployError } from '../lib/deploy-error.js';
import { createRelease } from '../lib/github.js';
import { CHECKOUT, DEPLOY_FOLDER } from '../lib/paths.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';
import { buildWorkerTarball, workerTarballIn } from '../lib/worker-tarball.js';

interface Flags {
  readonly repository: string;
  readonly commit: string;
  readonly apiUrl: string;
  readonly asset?: string;
  readonly dryRun?: true;
}

const terminal = new ProcessTerminal(process);

async function versionHere(): Promise<string> {
  const text = await readFile(resolve(CHECKOUT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

function tokenOf(env: NodeJS.ProcessEnv): string {
  const token = env['GITHUB_TOKEN'];
  if (token) return token;
  throw new DeployError(
    'GITHUB_TOKEN is not set. Make a token that may write the contents of the repository (https://github.com/settings/tokens).',
  );
}

const command = new Command('github-release')
  .description(
    'Creates a release of the version in package.json on GitHub: a tag on the commit, the section of CHANGELOG.md, and ' +
      'the worker as the machines get it (docker-worker.tar.gz). Needs GITHUB_TOKEN. Use ./release.sh, which checks ' +
      'before that all is as it should be.',
  )
  .requiredOption('--commit <sha>', 'commit to release')
  .option('--repository <owner/name>', 'repository', 'taskcluster/docker-worker')
  .option('--asset <file>', 'tarball to release (default: made of this checkout)')
  .option('--api-url <url>', 'API of GitHub', 'https://api.github.com')
  .option('--dry-run', 'only say what would be released')
  .action(async ({ repository, commit, apiUrl, asset, dryRun }: Flags) => {
    const version = await versionHere();
    const notes = notesOf(await readFile(resolve(CHECKOUT, 'CHANGELOG.md'), 'utf8'), version);
    if (notes === undefined) throw new DeployError(`CHANGELOG.md says nothing about version ${version}.`);
    const tarball = asset ?? workerTarballIn(DEPLOY_FOLDER);
    if (dryRun) {
      terminal.say(
        `Would release v${version} of ${repository} at ${commit} with ${basename(tarball)} and these notes:`,
      );
      terminal.say(notes);
      return;
    }
    const token = tokenOf(process.env);
    if (asset === undefined) await buildWorkerTarball(CHECKOUT, tarball, new ProcessTools(process.env, process));
    const release = { repository, tag: `v${version}`, commit, notes, asset: tarball };
    terminal.say(`Released: ${await createRelease(release, apiUrl, token)}`);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
