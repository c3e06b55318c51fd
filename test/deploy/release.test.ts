import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { notesOf } from '../../deploy/lib/changelog.js';
import { createRelease } from '../../deploy/lib/github.js';
import { VARIABLES } from '../../deploy/variables.js';
import { FakeGithub } from './support/fake-github.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const NODE_VERSION = VARIABLES.find(({ name }) => name === 'nodeVersion')?.defaultValue?.({}) ?? '';

describe('a release on GitHub', () => {
  const folder = new TempFolder();
  let github: FakeGithub;
  beforeEach(async () => {
    github = await FakeGithub.start();
  });
  afterEach(() => github.close());

  const release = async (token = github.token): Promise<string> => {
    const asset = await folder.write('docker-worker.tar.gz', 'the worker');
    const rest = { repository: 'me/repo', tag: 'v1.2.3', commit: 'abc', notes: '- better' };
    return await createRelease({ ...rest, assets: [asset] }, github.url, token);
  };

  it('has a tag on the commit, the notes and the worker, and is published once it is complete', async () => {
    assert.equal(await release(), 'https://github.com/me/repo/releases/1');
    const rest = { name: 'v1.2.3', body: '- better', draft: false };
    assert.deepEqual([...github.releases.values()], [{ tag_name: 'v1.2.3', target_commitish: 'abc', ...rest }]);
    assert.deepEqual(github.assets, [
      { name: 'docker-worker.tar.gz', type: 'application/gzip', content: Buffer.from('the worker') },
    ]);
  });

  it('is created only once', async () => {
    await release();
    await assert.rejects(release(), /^DeployError: me\/repo already has a release v1\.2\.3\.$/);
    assert.equal(github.releases.size, 1);
  });

  it("is not left as a draft when the worker can't be uploaded", async () => {
    github.refusesAssets = true;
    await assert.rejects(release(), /^DeployError: GitHub: uploading the asset failed: 502 Server Error\.$/);
    assert.equal(github.releases.size, 0);
  });

  it('reports the permission that a token lacks, and never shows the token', async () => {
    await assert.rejects(release('ghp_wrong'), ({ message }: Error) => {
      assert.match(
        message,
        /401 Bad credentials\. Check that GITHUB_TOKEN is valid and may write the contents of the repository\./,
      );
      return !message.includes('ghp_wrong');
    });
  });

  it('has the notes of its own version only', () => {
    const changelog =
      '# C\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-01\n\n### Added\n\n- x\n\n## [1.2.30]\n\n- y\n\n## [1.0.0]\n';
    assert.equal(notesOf(changelog, '1.2.3'), '### Added\n\n- x');
    assert.equal(notesOf(changelog, '1.2.30'), '- y');
    assert.equal(notesOf(changelog, '1.0.0'), undefined, 'an empty section says nothing');
    assert.equal(notesOf(changelog, '9.9.9'), undefined);
  });
});

describe('release.sh', function () {
  const folder = new TempFolder();
  let github: FakeGithub;
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', folder.at('clone'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const commit = (): void => {
    git('add', '--all');
    git('-c', 'user.name=n', '-c', 'user.email=e@example.com', 'commit', '--quiet', '--message', 'a change');
  };

  /** Creates a clone with this checkout's scripts and a tiny worker whose `npm run check` and `build` record that they ran. */
  beforeEach(async () => {
    github = await FakeGithub.start();
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', folder.at('origin.git')]);
    execFileSync('git', ['clone', '--quiet', folder.at('origin.git'), folder.at('clone')], { stdio: 'ignore' });
    git('checkout', '--quiet', '-B', 'main');
    for (const name of [
      'release.sh',
      'deploy/bin',
      'deploy/lib',
      'deploy/release',
      'deploy/run-program.sh',
      'deploy/variables.ts',
      'LICENSE',
      'NOTICE',
      'licenses',
      'src/lib',
    ]) {
      await cp(name, folder.at('clone', name), { recursive: true });
    }
    const scripts = { check: 'echo checked >>../ran', build: 'sh compile.sh' };
    await writePackage('1.2.3', scripts);
    await folder.write('clone/compile.sh', '[ "$1" = --outDir ] && mkdir -p "$2/bin" && echo 1 >"$2/bin/worker.js"\n');
    await folder.write('clone/.gitignore', 'node_modules\ndist/\ndeploy/*.tar.gz\ndeploy/*.tgz\n');
    await offerNode();
    await folder.write('clone/CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-01\n\n- better\n');
    await folder.write('clone/config.yml', '{}');
    await mkdir(folder.at('clone/schemas'));
    await folder.write('clone/schemas/x.json', '{}');
    await symlink(`${process.cwd()}/node_modules`, folder.at('clone/node_modules'));
    commit();
    git('push', '--quiet', 'origin', 'main');
  });
  afterEach(() => github.close());

  const writePackage = async (version: string, scripts: object): Promise<void> => {
    const text = JSON.stringify({ name: 'w', version, type: 'module', scripts });
    await folder.write('clone/package.json', text);
    const lock = { name: 'w', version, lockfileVersion: 3, packages: { '': { name: 'w', version } } };
    await folder.write('clone/package-lock.json', JSON.stringify(lock));
  };
  /** Creates a fake Node.js that curl finds, with the checksum that the clone knows. */
  const offerNode = async (): Promise<void> => {
    const name = `node-v${NODE_VERSION}-linux-x64`;
    for (const file of ['bin/node', 'LICENSE', 'include/node.h'])
      await folder.write(`node/${name}/${file}`, 'node', 0o755);
    execFileSync('tar', ['-cJf', folder.at('node.tar.xz'), '-C', folder.at('node'), name]);
    const sha256 = createHash('sha256')
      .update(await readFile(folder.at('node.tar.xz')))
      .digest('hex');
    await folder.write('clone/deploy/packer/base/scripts/node.sh', `  [${NODE_VERSION}-linux-x64]=${sha256}\n`);
    const curl = `#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncp '${folder.at('node.tar.xz')}' "$2"\n`;
    await folder.write('bin/curl', curl, 0o755);
  };
  const run = (...args: readonly string[]): Promise<Outcome> =>
    runScript(folder.at('clone/release.sh'), ['--repository', 'me/repo', '--api-url', github.url, ...args], {
      env: {
        GITHUB_TOKEN: github.token,
        NPM_CONFIG_UPDATE_NOTIFIER: 'false',
        PATH: `${folder.at('bin')}:${process.env['PATH'] ?? ''}`,
      },
    });
  const refuses = async (message: RegExp, ...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await run(...args);
    assert.match(stderr, message);
    assert.notEqual(code, 0);
    assert.equal(github.releases.size, 0);
  };

  it('checks, builds and releases', async () => {
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /Released: https:\/\/github\.com\/me\/repo\/releases\/1\n$/);
    const [made] = github.releases.values();
    assert.deepEqual(
      [made?.tag_name, made?.target_commitish, made?.body],
      ['v1.2.3', git('rev-parse', 'HEAD').trim(), '- better'],
    );
    assert.equal(await readFile(folder.at('ran'), 'utf8'), 'checked\n');
    assert.deepEqual(
      github.assets.map(({ name }) => name),
      ['docker-worker.tar.gz', 'docker-worker-x64.tgz'],
    );
    const [worker, release] = await Promise.all(
      github.assets.map(async ({ content }, index) => namesIn(content, index)),
    );
    assert.match(worker ?? '', /^config\.yml\ndist\ndist\/bin\ndist\/bin\/worker\.js\npackage-lock\.json\n/);
    for (const name of [
      'LICENSE',
      'NOTICE',
      'licenses/GPL-3.0.txt',
      'bin/docker-worker',
      'dist/bin/worker.js',
      'node/bin/node',
      'node/LICENSE',
    ]) {
      assert.match(release ?? '', new RegExp(`^docker-worker/${name}$`, 'm'));
    }
    assert.doesNotMatch(release ?? '', /include/);
  });

  const namesIn = async (content: Buffer, index: number): Promise<string> => {
    const file = folder.at(`asset-${index}.tar.gz`);
    await writeFile(file, content);
    return execFileSync('tar', ['-tzf', file], { encoding: 'utf8' });
  };

  it('refuses a Node.js with another checksum', async () => {
    await folder.write('clone/deploy/packer/base/scripts/node.sh', `  [${NODE_VERSION}-linux-x64]=${'0'.repeat(64)}\n`);
    commit();
    git('push', '--quiet', 'origin', 'main');
    await refuses(/linux-x64\.tar\.xz has changed: its SHA-256 is [0-9a-f]{64}, expected 0{64}\./);
  });

  it('only prints what it would do in a dry run, without a token', async () => {
    const { code, stdout } = await runScript(folder.at('clone/release.sh'), ['--dry-run', '--repository', 'me/repo']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Would run npm run check\.\nWould release v1\.2\.3 of me\/repo at [0-9a-f]{40} with docker-worker\.tar\.gz, docker-worker-x64\.tgz/,
    );
    await assert.rejects(readFile(folder.at('ran')), /ENOENT/);
  });

  it('prints in a dry run what would stop a release, and the remaining steps', async () => {
    await writePackage('2.0.0', {});
    await folder.write('clone/CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n- to come\n');
    commit();
    git('checkout', '--quiet', '-b', 'side');
    const { code, stdout } = await runScript(folder.at('clone/release.sh'), ['--dry-run', '--repository', 'me/repo']);
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('Would stop here: ')),
      [
        'Would stop here: the branch side is checked out; releases are made from main. Run: git switch main',
        'Would stop here: main is not what origin has. Run git pull, or push what you have and let it be reviewed.',
        'Would stop here: CHANGELOG.md has no section "## [2.0.0]". Give what is below Unreleased that heading, with the date.',
      ],
    );
    assert.match(stdout, /\nWould release v2\.0\.0 of me\/repo .* and these notes:\n- to come\n$/);
  });

  it('refuses changes that are not committed', async () => {
    await folder.write('clone/config.yml', 'changed');
    await refuses(/the working tree has changes that are not committed:\n M config\.yml/);
  });

  it("refuses another branch, and a main that differs from origin's", async () => {
    git('checkout', '--quiet', '-b', 'side');
    await refuses(/the branch side is checked out; releases are made from main\. Run: git switch main/);
    git('checkout', '--quiet', 'main');
    await folder.write('clone/config.yml', 'more');
    commit();
    await refuses(/main is not what origin has\. Run git pull, or push/);
  });

  it('refuses a version that was released, is invalid, or is not in the lock file', async () => {
    git('tag', 'v1.2.3');
    await refuses(/the tag v1\.2\.3 exists already\. Raise the version: npm version/);
    await writePackage('1.2.4-rc', {});
    commit();
    git('push', '--quiet', 'origin', 'main');
    await refuses(/package\.json has the version 1\.2\.4-rc, which is none to release/);
    await folder.write('clone/package.json', JSON.stringify({ version: '1.2.5' }));
    commit();
    git('push', '--quiet', 'origin', 'main');
    await refuses(/package-lock\.json has the version 1\.2\.4-rc, package\.json 1\.2\.5\. Run: npm install/);
  });

  it('refuses a version without a section in the changelog', async () => {
    await writePackage('2.0.0', {});
    commit();
    git('push', '--quiet', 'origin', 'main');
    await refuses(/CHANGELOG\.md has no section "## \[2\.0\.0\]"/);
  });

  it('stops when the check fails', async () => {
    await writePackage('1.2.3', { check: 'exit 7' });
    commit();
    git('push', '--quiet', 'origin', 'main');
    const { code } = await run();
    assert.notEqual(code, 0);
    assert.equal(github.releases.size, 0);
  });

  it('refuses a missing token and unknown arguments', async () => {
    const { code, stderr } = await runScript(folder.at('clone/release.sh'), []);
    assert.equal(code, 1);
    assert.match(stderr, /GITHUB_TOKEN is not set\. Make a token/);
    await refuses(/unknown argument "--bogus"\nReleases the version/, '--bogus');
    await refuses(/--api-url: its value is missing/, '--api-url');
  });
});
