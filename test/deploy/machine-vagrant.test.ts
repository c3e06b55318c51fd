import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { needProgram, run, runOk, temporaryDirectory } from './machine-support.js';

describe('the Vagrant machine', () => {
  it('has a valid Vagrantfile', async function () {
    await needProgram(this, 'vagrant', 'vagrant');
    await using home = await temporaryDirectory();
    const env = { HOME: home.path, VAGRANT_HOME: home.path, VAGRANT_CHECKPOINT_DISABLE: '1' };
    const { code, stdout, stderr } = await run(['vagrant', 'validate', '-p'], env);
    assert.equal(code, 0, stdout + stderr);
  });

  it("passes on the developer's Taskcluster credentials, and its server accepts them", async () => {
    const vagrantfile = await readFile('Vagrantfile', 'utf8');
    for (const name of ['ROOT_URL', 'CLIENT_ID', 'ACCESS_TOKEN', 'CERTIFICATE']) {
      assert.match(vagrantfile, new RegExp(`TASKCLUSTER_${name}`));
    }
    assert.match(await readFile('vagrant.sh', 'utf8'), /AcceptEnv TASKCLUSTER_\*/);
  });

  it('is set up by the scripts of production images, and prints their plan first', async () => {
    const plan = await runOk(['./vagrant.sh', '--dry-run', '--user', 'root'], { NODE_VERSION: '24.18.0' });
    for (const script of ['packages.sh', 'kernel.sh', 'docker.sh', 'node.sh', 'system.sh', 'vagrant.sh']) {
      assert.match(plan, new RegExp(`^${script}: `, 'm'), plan);
    }
    assert.doesNotMatch(plan, /^changed:/m);
  });

  it('has the same versions as the images', async () => {
    const script = await readFile('vagrant.sh', 'utf8');
    const packet = JSON.parse(await readFile('deploy/packer/packet.json', 'utf8')) as {
      readonly variables: Readonly<Record<string, string>>;
    };
    const [base] = [JSON.parse(await readFile('deploy/packer/base.json', 'utf8')) as typeof packet];
    const defaultOf = (name: string): string | undefined =>
      new RegExp(`${name}=\\$\\{${name}:-([^}]+)\\}`).exec(script)?.[1];
    assert.equal(defaultOf('NODE_VERSION'), packet.variables['nodeVersion']);
    assert.equal(defaultOf('DOCKER_VERSION'), packet.variables['dockerVersion']);
    assert.equal(defaultOf('CONTAINERD_VERSION'), base.variables['containerdVersion']);
    const known = await readFile('deploy/packer/base/scripts/node.sh', 'utf8');
    assert.ok(known.includes(`[${defaultOf('NODE_VERSION') ?? ''}-linux-x64]=`), 'node.sh knows its checksum');
  });
});
