import { strict as assert } from 'node:assert';
import { chmod, cp, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Environment, Ran } from './machine-support.js';
import {
  VALUES,
  filesBelow,
  needProgram,
  needRoot,
  renderTemplates,
  run,
  runOk,
  temporaryDirectory,
} from './machine-support.js';

const PACKER = resolve('deploy/packer');
const KEY = 'etc/docker-worker-ed25519-cot-signing-key.key';
const SECRETS = [
  ...['etc/docker-worker-priv.pem', 'etc/docker-worker.conf.json', 'etc/docker-worker.conf.yml'],
  ...['etc/docker-worker/secrets.env', 'etc/star_taskcluster-worker_net.key'],
];
const SEED = Buffer.alloc(32, 7).toString('base64');

/** A directory in place of a machine's /, with the files that packer uploads. */
class Machine {
  readonly root: string;
  readonly #env: Environment;

  static async make(folder: string, values: Environment = VALUES): Promise<Machine> {
    const rendered = join(folder, 'rendered');
    await renderTemplates(rendered, values);
    await runOk(['tar', '-czf', join(folder, 'deploy.tar.gz'), '-C', rendered, '.']);
    await packWorker(folder, 'one');
    await mkdir(join(folder, 'root'));
    return new Machine(folder);
  }

  private constructor(folder: string) {
    this.root = join(folder, 'root');
    this.#env = {
      ROOT_DIR: this.root,
      PROVISION_DIR: PACKER,
      TEMPLATE_DIR: resolve('deploy/template'),
      DEPLOY_TARBALL: join(folder, 'deploy.tar.gz'),
      WORKER_TARBALL: join(folder, 'docker-worker.tar.gz'),
      CHAIN_OF_TRUST_KEY_FILE: join(folder, 'chain-of-trust.key'),
    };
  }

  async run(script: string, env: Environment = {}): Promise<Ran> {
    return await run([join(PACKER, script)], { ...this.#env, ...env });
  }

  /** Runs a script that must succeed; returns the changes that it prints. */
  async changes(script: string, env: Environment = {}): Promise<readonly string[]> {
    const { code, stdout, stderr } = await this.run(script, env);
    assert.equal(code, 0, `${script}\n${stdout}\n${stderr}`);
    return stdout.split('\n').filter((line) => line.startsWith('changed: '));
  }

  async text(file: string): Promise<string> {
    return await readFile(join(this.root, file), 'utf8');
  }

  async mode(file: string): Promise<string> {
    return ((await stat(join(this.root, file))).mode & 0o7777).toString(8);
  }
}

/** The scripts that only write files, in the order in which packer runs them. */
const SCRIPTS = [
  ...['base/scripts/kernel.sh', 'base/scripts/system.sh', 'app/scripts/worker.sh', 'app/scripts/configuration.sh'],
  ...['app/scripts/chain-of-trust-key.sh', 'app/scripts/services.sh', 'base/scripts/cleanup.sh'],
];

describe('the provisioning scripts', () => {
  before(async function () {
    needRoot(this);
    await needProgram(this, 'systemctl', 'systemd');
  });

  it('change a bare machine once, and nothing on a second run', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    const changed = new Set<string>();
    for (const script of SCRIPTS) {
      for (const line of await machine.changes(script)) changed.add(line);
    }
    assert.ok(changed.size > 20, [...changed].join('\n'));
    const files = await filesBelow(machine.root);
    for (const script of SCRIPTS) assert.deepEqual(await machine.changes(script), [], script);
    assert.deepEqual(await filesBelow(machine.root), files);
  });

  it('print in a dry run what they would do, and write nothing', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    for (const script of SCRIPTS.filter((name) => !name.endsWith('cleanup.sh'))) {
      const { code, stdout, stderr } = await machine.run(script, { DRY_RUN: '1' });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /: would /, script);
    }
    assert.deepEqual(await readdir(machine.root), []);
  });

  it('repair a changed file, and nothing else', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    await machine.changes('app/scripts/configuration.sh');
    await writeFile(join(machine.root, 'etc/docker/daemon.json'), '{}');
    await chmod(join(machine.root, 'etc/docker-worker-priv.pem'), 0o644);
    assert.deepEqual(await machine.changes('app/scripts/configuration.sh'), [
      'changed: write /etc/docker-worker-priv.pem (mode 600)',
      'changed: write /etc/docker/daemon.json (mode 644)',
    ]);
  });

  it('make secrets readable by root only, and never show them', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path, {
      ...VALUES,
      statelessDnsSecret: 'very-secret-1',
      sslKey: 'very-secret-2',
    });
    const { stdout, stderr } = await machine.run('app/scripts/configuration.sh');
    assert.doesNotMatch(stdout + stderr, /very-secret/);
    for (const file of SECRETS) assert.equal(await machine.mode(file), '600', file);
    assert.equal(await machine.mode('etc/docker-worker'), '700');
    const secret = await runOk(['grep', '-rl', 'very-secret', machine.root]);
    for (const file of secret.trim().split('\n'))
      assert.ok(SECRETS.includes(file.slice(machine.root.length + 1)), file);
    assert.equal(await machine.mode('usr/local/sbin/docker-worker-metadata-firewall'), '755');
    assert.equal(await machine.mode('etc/docker/daemon.json'), '644');
  });

  it('refuse templates that were not rendered', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    await runOk(['tar', '-czf', join(folder.path, 'deploy.tar.gz'), '-C', 'deploy/template', '.']);
    const { code, stderr } = await machine.run('app/scripts/configuration.sh');
    assert.equal(code, 1);
    assert.match(stderr, /variables are not filled in in: .*\/etc\/docker-worker\/secrets\.env/);
    assert.deepEqual((await filesBelow(machine.root)).length, 0);
  });

  it('replace the whole worker when the tarball differs, and keep the installed one when the tarball is damaged', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    await machine.changes('app/scripts/worker.sh');
    await machine.changes('app/scripts/configuration.sh');
    await packWorker(folder.path, 'two');
    assert.deepEqual(await machine.changes('app/scripts/worker.sh'), [
      'changed: install the worker in /opt/docker-worker',
    ]);
    assert.equal(await machine.text('opt/docker-worker/dist/bin/worker.js'), 'two');
    assert.deepEqual(await machine.changes('app/scripts/configuration.sh'), []);
    await packWorker(folder.path, 'three', ['package.json']);
    const { code, stderr } = await machine.run('app/scripts/worker.sh');
    assert.equal(code, 1);
    assert.match(stderr, /has no package-lock\.json/);
    assert.equal(await machine.text('opt/docker-worker/dist/bin/worker.js'), 'two');
  });

  it('create one chain of trust key for each untrusted machine', async () => {
    await using first = await temporaryDirectory();
    await using second = await temporaryDirectory();
    const machines = [await Machine.make(first.path), await Machine.make(second.path)];
    const keys = [];
    for (const machine of machines) {
      await machine.changes('app/scripts/chain-of-trust-key.sh', { BUILDER: 'hvm-builder' });
      const key = await machine.text(KEY);
      assert.equal(Buffer.from(key, 'base64').length, 32);
      assert.equal(await machine.mode(KEY), '600');
      assert.deepEqual(await machine.changes('app/scripts/chain-of-trust-key.sh', { BUILDER: 'hvm-builder' }), []);
      assert.equal(await machine.text(KEY), key);
      keys.push(key);
    }
    assert.notEqual(keys[0], keys[1]);
  });

  it("install the deployment's key on the trusted machine, and refuse an invalid one", async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    const trusted = { BUILDER: 'hvm-builder-trusted' };
    const missing = await machine.run('app/scripts/chain-of-trust-key.sh', trusted);
    assert.match(missing.stderr, /chain-of-trust\.key is missing/);
    const uploaded = join(folder.path, 'chain-of-trust.key');
    await writeFile(uploaded, 'dmVyeS1zZWNyZXQ=\n');
    const wrong = await machine.run('app/scripts/chain-of-trust-key.sh', trusted);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /not base64 of 32 or 64 bytes/);
    assert.doesNotMatch(wrong.stdout + wrong.stderr, /dmVyeS1/);
    await writeFile(uploaded, `${SEED}\n`);
    await machine.changes('app/scripts/chain-of-trust-key.sh', trusted);
    assert.equal(await machine.text(KEY), `${SEED}\n`);
    assert.equal(await machine.mode(KEY), '600');
    await assert.rejects(stat(uploaded), { code: 'ENOENT' });
  });

  it('enable every unit of ours that starts with the machine', async () => {
    await using folder = await temporaryDirectory();
    const machine = await Machine.make(folder.path);
    await machine.changes('app/scripts/configuration.sh');
    await machine.changes('app/scripts/services.sh');
    const units = (await readdir(join(machine.root, 'etc/systemd/system'))).filter((name) => name.endsWith('.service'));
    const wanted = await readdir(join(machine.root, 'etc/systemd/system/multi-user.target.wants'));
    assert.deepEqual(wanted.sort(), units.sort());
  });
});

/** Creates a tarball as deploy/bin/build does, but with its packages, so that no registry is needed. */
async function packWorker(folder: string, content: string, only?: readonly string[]): Promise<void> {
  const tree = join(folder, `worker-${content}`);
  await mkdir(join(tree, 'dist/bin'), { recursive: true });
  await mkdir(join(tree, 'node_modules'));
  await writeFile(join(tree, 'dist/bin/worker.js'), content);
  for (const file of ['package.json', 'package-lock.json', 'config.yml', 'schemas']) {
    await cp(file, join(tree, file), { recursive: true });
  }
  await runOk(['tar', '-czf', join(folder, 'docker-worker.tar.gz'), '-C', tree, ...(only ?? ['.'])]);
}
