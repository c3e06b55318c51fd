import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { runScript } from './support/run-script.js';

/** Files and folders that the README of docker-worker 2019 names, as paths within the repository. */
const NAMED = [
  ...['config.yml', 'src/bin', 'src/lib', 'src/lib/task_listener.js', 'src/lib/task.js', 'src/lib/features'],
  ...['Vagrantfile', 'vagrant.sh', 'build.sh', 'scopes.txt', 'test/test.sh', 'bin/worker.js', 'bin/upload-schema.js'],
  ...['deploy.sh', 'release.sh', 'deploy', 'deploy/checklist.md', 'deploy/packer', 'deploy/packer/base.json'],
  ...['deploy/packer/app.json', 'deploy/variables.js', 'deploy/template', 'deploy/bin/base', 'deploy/bin/build'],
  ...['deploy/bin/import-docker-worker-secrets', 'deploy/bin/update-worker-types.js'],
  ...['deploy/bin/rollback-worker-types.js', 'deploy/bin/github-release.js'],
];

describe('a command from the README of docker-worker 2019', function () {
  this.timeout(1_800_000);

  it('works, as a dry run if it would call AWS', async () => {
    const { code, stdout, stderr } = await runScript('test/deploy/readme-commands.sh', []);
    const said = stdout.split('\n').filter((line) => line !== '');
    assert.deepEqual([code, said.filter((line) => !/^(ok|skipped): /.test(line)), stderr], [0, [], '']);
    const skipped = said.filter((line) => line.startsWith('skipped: '));
    // From programs that they need.
    assert.ok(skipped.every((line) => /no (vagrant|yarn) here/.test(line)) && said.length === 24, stdout);
  });

  it('names files that exist, or that the migration page lists', async () => {
    const page = await readFile('docs/from-99.md', 'utf8');
    for (const name of NAMED) {
      const isThere = await access(name).then(
        () => true,
        () => false,
      );
      assert.ok(isThere || page.includes(`\`${name}\``), name);
    }
  });
});
