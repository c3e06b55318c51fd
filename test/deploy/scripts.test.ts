import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readDeployments } from '../../deploy/lib/deployments.js';
import { need } from './support/needed-program.js';
import { runScript } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const CHECK = resolve('scripts/check-shell.sh');

describe('the scripts', function () {
  this.timeout(900_000);

  it('pass shellcheck', function () {
    need(this, 'shellcheck');
    const list = spawnSync(CHECK, ['--list'], { encoding: 'utf8' });
    const names = list.stdout.trimEnd().split('\n');
    for (const name of ['deploy.sh', 'deploy/bin/build', '.ci/run', 'deploy/release/bin/docker-worker']) {
      assert.ok(names.includes(name), name);
    }
    const { status, stdout, stderr } = spawnSync(CHECK, { encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });

  it('print their help from any directory', async () => {
    const names = (await readdir('deploy/bin'))
      .filter((name) => !name.endsWith('.ts'))
      .map((name) => `deploy/bin/${name}`);
    assert.ok(names.length >= 9, names.join());
    for (const name of ['deploy.sh', 'release.sh', 'deploy/run-program.sh', ...names]) {
      const { code, stdout, stderr } = await runScript(name, ['--help'], { cwd: '/' });
      assert.deepEqual([code, stderr], [0, ''], name);
      assert.match(stdout, /usage/i, name);
    }
  });

  it('have a dry run if they change anything', async () => {
    for (const name of (await readdir('deploy/bin')).filter((each) => each.endsWith('.ts'))) {
      assert.match(await readFile(`deploy/bin/${name}`, 'utf8'), /'--dry-run'/, name);
    }
  });

  it('need the scopes of scopes.txt, in the form that taskcluster signin accepts', async () => {
    const lines = (await readFile('scopes.txt', 'utf8')).trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^--scope=[a-z-]+:\S+$/);
    assert.equal(new Set(lines).size, lines.length);
  });
});

describe('the repository', () => {
  it("ignores vagrant's files, and contains none", () => {
    const git = (...args: readonly string[]): string => spawnSync('git', args, { encoding: 'utf8' }).stdout;
    assert.equal(git('check-ignore', '.vagrant/machines/default'), '.vagrant/machines/default\n');
    assert.equal(git('ls-files', '.vagrant'), '');
  });
});

describe('the table of deployments', () => {
  const folder = new TempFolder();

  it('is valid', async () => {
    const deployments = await readDeployments('deploy/deployments.yml');
    assert.ok(deployments.length > 0);
    const names = deployments.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, 'two deployments would have the same secrets');
    for (const { amiRegions, region, name } of deployments) assert.ok(amiRegions.includes(region), name);
  });

  it('is refused with all its errors', async () => {
    const entry = { name: 'x', account: 'a', region: 'us-west-2', amiRegions: ['us-west-2'], updateWorkerPools: true };
    const write = (table: object): Promise<string> => folder.write('d.yml', JSON.stringify(table));
    const url = 'https://tc.example.com';
    await assert.rejects(readDeployments(await write({ deployments: { [url]: entry }, accounts: {} })), {
      message: `${folder.at('d.yml')}: ${url} has the account a, which is missing under \`accounts\`.`,
    });
    const wrong = {
      deployments: { [url]: { ...entry, region: 'here', regoin: 1 } },
      accounts: { a: { baseAmi: 'x' } },
    };
    await assert.rejects(readDeployments(await write(wrong)), ({ message }: Error) => {
      for (const part of [/regoin/, /region: must match pattern/, /\/accounts\/a\/baseAmi/])
        assert.match(message, part);
      return true;
    });
    await assert.rejects(readDeployments(folder.at('none.yml')), /table of deployments could not be read: ENOENT/);
    await assert.rejects(
      readDeployments(await folder.write('e.yml', 'a: [')),
      /could not be read: .*e\.yml|unexpected end/,
    );
  });
});
