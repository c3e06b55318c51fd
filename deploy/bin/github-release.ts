import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { notesOf } from '../lib/changelog.js';
import { DeployError } from '../lib/deploy-error.js';
import { createRelease } from '../lib/github.js';
import { findNodeRelease } from '../lib/node-release.js';
import { CHECKOUT, DEPLOY_FOLDER } from '../lib/paths.js';
import { ProcessTerminal } from '../lib/process-terminal.js';
import { ProcessTools } from '../lib/process-tools.js';
import { runProgram } from '../lib/program.js';
import { buildReleaseTarball, releaseTarballIn } from '../lib/release-tarball.js';
import { buildWorkerTarball, workerTarballIn } from '../lib/worker-tarball.js';

interface Flags {
  readonly repository: string;
  readonly commit: string;
  readonly apiUrl: string;
  readonly asset: readonly string[];
  readonly dryRun?: true;
}

const BUILT_ASSETS = [workerTarballIn(DEPLOY_FOLDER), releaseTarballIn(DEPLOY_FOLDER)];

const terminal = new ProcessTerminal(process);

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

async function buildAssets(): Promise<void> {
  const tools = new ProcessTools(process.env, process);
  await buildWorkerTarball(CHECKOUT, workerTarballIn(DEPLOY_FOLDER), tools);
  const node = await findNodeRelease(DEPLOY_FOLDER);
  await buildReleaseTarball({ checkout: CHECKOUT, node }, releaseTarballIn(DEPLOY_FOLDER), tools);
}

async function readVersion(): Promise<string> {
  const text = await readFile(resolve(CHECKOUT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

function tokenOf(env: NodeJS.ProcessEnv): string {
  const token = env['GITHUB_TOKEN'];
  if (token) return token;
  throw new DeployError(
    'GITHUB_TOKEN is not set. Create a token that may write the contents of the repository (https://github.com/settings/tokens).',
  );
}

const command = new Command('github-release')
  .description(
    'Creates a release of the version in package.json on GitHub: a tag on the commit, the section of CHANGELOG.md, and ' +
      'the worker: as the machines get it (docker-worker.tar.gz), and with its packages and Node.js ' +
      '(docker-worker-x64.tgz). Needs GITHUB_TOKEN. Use ./release.sh, which makes all checks first.',
  )
  .requiredOption('--commit <sha>', 'commit to release')
  .option('--repository <owner/name>', 'repository', 'taskcluster/docker-worker')
  .option('--asset <file>', 'file to release (default: both, built from this checkout); may be repeated', collect, [])
  .option('--api-url <url>', 'API of GitHub', 'https://api.github.com')
  .option('--dry-run', 'only print what would be released')
  .action(async ({ repository, commit, apiUrl, asset, dryRun }: Flags) => {
    const version = await readVersion();
    const changelog = await readFile(resolve(CHECKOUT, 'CHANGELOG.md'), 'utf8');
    // Before a release, a dry run may find the notes still under "Unreleased".
    const notes = notesOf(changelog, version) ?? (dryRun ? notesOf(changelog, 'Unreleased') : undefined);
    if (notes === undefined) throw new DeployError(`CHANGELOG.md has no section for version ${version}.`);
    const assets = asset.length > 0 ? asset : BUILT_ASSETS;
    if (dryRun) {
      const names = assets.map((file) => basename(file)).join(', ');
      terminal.say(`Would release v${version} of ${repository} at ${commit} with ${names} and these notes:`);
      terminal.say(notes);
      return;
    }
    const token = tokenOf(process.env);
    if (asset.length === 0) await buildAssets();
    const release = { repository, tag: `v${version}`, commit, notes, assets };
    terminal.say(`Released: ${await createRelease(release, apiUrl, token)}`);
  });

process.exitCode = await runProgram(command, process.argv.slice(2), (text) => process.stderr.write(text));
