import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { access, cp, readFile } from 'node:fs/promises';
import { planBuild } from '../../deploy/lib/build-plan.js';
import { buildTemplate, templateUses } from '../../deploy/lib/build-template.js';
import { missingFrom } from '../../deploy/lib/import-secrets.js';
import { ProcessTools } from '../../deploy/lib/process-tools.js';
import { buildWorkerTarball } from '../../deploy/lib/worker-tarball.js';
import { VARIABLES } from '../../deploy/variables.js';
import { FakeTerminal } from './support/fake-terminal.js';
import { needPacker } from './support/need-packer.js';
import { runScript } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const ENV = { TASKCLUSTER_ROOT_URL: 'https://tc.example.com' };
const DEPLOYMENT = {
  rootUrl: ENV.TASKCLUSTER_ROOT_URL,
  name: 'example',
  account: 'example-workers',
  region: 'us-west-2',
  amiRegions: ['us-west-2', 'us-east-1'],
  updateWorkerPools: true,
  baseAmi: 'ami-0ba5e',
};

describe("the build programs and the machines' files", function () {
  this.timeout(900_000);
  const folder = new TempFolder();
  beforeEach(async () => {
    for (const name of ['template', 'packer']) await cp(`deploy/${name}`, folder.at(name), { recursive: true });
    const values = Object.fromEntries(missingFrom({}, ENV).map((name) => [name, `the ${name}`]));
    await folder.write('deploy.json', JSON.stringify(values), 0o600);
  });

  it('agree on the variables of the templates, of which git ignores none', async () => {
    const files = await buildTemplate({ folder: folder.path, env: ENV, terminal: new FakeTerminal() });
    const listed = execFileSync('git', ['ls-files', 'deploy/template'], { encoding: 'utf8' }).trimEnd().split('\n');
    assert.equal(files, listed.length);
    const used = new Set((await templateUses(folder.path)).map(({ variable }) => variable));
    const unused = VARIABLES.filter(({ perBuild, name }) => !perBuild && !used.has(name)).map(({ name }) => name);
    assert.deepEqual(unused, ['chainOfTrustKey', 'nodeVersion', 'dockerVersion'], 'packer has the use of these');
  });

  it('agree on the variables of packer, which accepts its templates with the given values', async function () {
    await needPacker(this, 'amazon');
    const sources = { env: ENV, terminal: new FakeTerminal(), now: new Date() };
    for (const target of ['base', 'app'] as const) {
      const options = { target, deployment: DEPLOYMENT, isTest: false, sourceAmi: 'ami-0123456789abcdef0' };
      const { values, template, builders } = await planBuild(
        options,
        { version: '1', deployFolder: folder.path },
        sources,
      );
      for (const name of ['deploy.tar.gz', 'docker-worker.tar.gz', 'key']) await folder.write(name, '');
      const given = { ...Object.fromEntries(values), chainOfTrustKeyFile: folder.at('key') };
      const file = await folder.write('variables.json', JSON.stringify(given));
      const args = ['validate', `-only=${builders.join(',')}`, `-var-file=${file}`, template];
      const { status, stdout } = spawnSync('packer', args, {
        encoding: 'utf8',
        env: { ...process.env, CHECKPOINT_DISABLE: '1' },
      });
      assert.equal(status, 0, stdout);
    }
  });

  it("agree on the worker's path and command, with packages installed by npm ci", async () => {
    const tarball = folder.at('docker-worker.tar.gz');
    await buildWorkerTarball(process.cwd(), tarball, new ProcessTools(process.env, process));
    await folder.write('opt/x', '');
    execFileSync('tar', ['-xzf', tarball, '-C', folder.at('opt')]);
    await cp('node_modules', folder.at('opt/node_modules'), { recursive: true, mode: 2 });
    const launcher = await readFile('deploy/template/opt/docker-worker/bin/docker-worker', 'utf8');
    assert.match(launcher, /dist\/bin\/worker\.js/);
    await access(folder.at('opt/dist/bin/worker.js'));
    const { code, stdout } = await runScript(process.execPath, [folder.at('opt/dist/bin/worker.js'), '--version']);
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
    assert.deepEqual([code, stdout], [0, `${version}\n`]);
  });

  it('agree on how the packet.net image is built', async () => {
    const { code, stdout } = await runScript('deploy/bin/build-packet.sh', ['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /deploy\.tar\.gz and docker-worker\.tar\.gz/);
  });
});
