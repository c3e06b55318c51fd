import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Environment, Ran } from './machine-support.js';
import { needRoot, run, runOk, temporaryDirectory } from './machine-support.js';

const FAKE = resolve('test/deploy/fake-packages.sh');
const PROGRAMS = ['dpkg', 'dpkg-query', 'apt-get', 'apt-cache', 'apt-mark', 'systemctl', 'gpg', 'curl', 'dockerd'];
const DOCKER_KEY = '9DC858229FC7DD38854AE2D88D81803C0EBFCD88';
const REPOSITORY = [
  'docker-ce 5:29.1.0-1~ubuntu.24.04~noble',
  'docker-ce 5:28.5.2-1~ubuntu.24.04~noble',
  'docker-ce-cli 5:29.1.0-1~ubuntu.24.04~noble',
  'docker-ce-cli 5:28.5.2-1~ubuntu.24.04~noble',
  'containerd.io 2.2.1-1~ubuntu.24.04~noble',
  'containerd.io 1.7.29-1~ubuntu.24.04~noble',
];

/** A machine whose package programs are replaced by fake-packages.sh. */
class FakeMachine {
  readonly #folder: string;

  static async make(folder: string): Promise<FakeMachine> {
    for (const name of ['bin', 'web', 'root']) await mkdir(join(folder, name));
    for (const program of PROGRAMS) await symlink(FAKE, join(folder, 'bin', program));
    const machine = new FakeMachine(folder);
    await machine.has('repository', REPOSITORY.join('\n'));
    await machine.has('fingerprint', DOCKER_KEY);
    await machine.has('web/gpg', 'the key');
    return machine;
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  async has(file: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, file), `${text}\n`);
  }

  async run(script: string, env: Environment): Promise<Ran> {
    return await run([resolve('deploy/packer/base/scripts', script)], {
      ...env,
      PATH: `${join(this.#folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
      FAKE_MACHINE: this.#folder,
      ROOT_DIR: join(this.#folder, 'root'),
      PROVISION_DIR: resolve('deploy/packer'),
      TMPDIR: this.#folder,
    });
  }

  async calls(): Promise<readonly string[]> {
    const text = await readFile(join(this.#folder, 'calls'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line.startsWith('install '));
  }

  async files(folder: string): Promise<readonly string[]> {
    return await readdir(join(this.#folder, 'root', folder)).catch(() => []);
  }
}

const VERSIONS = { DOCKER_VERSION: '28.5.2', CONTAINERD_VERSION: '1.7.29' };

describe('the downloads of machines', () => {
  before(function () {
    needRoot(this);
  });

  it("install the pinned Docker CE from Docker's own repository once, and hold it", async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path);
    const first = await machine.run('docker.sh', VERSIONS);
    assert.equal(first.code, 0, first.stdout + first.stderr);
    const installed = [
      'install docker-ce=5:28.5.2-1~ubuntu.24.04~noble',
      'install docker-ce-cli=5:28.5.2-1~ubuntu.24.04~noble',
      'install containerd.io=1.7.29-1~ubuntu.24.04~noble',
    ];
    assert.deepEqual(await machine.calls(), installed);
    assert.match(first.stdout, /^changed: hold docker-ce at its version$/m);
    const second = await machine.run('docker.sh', { ...VERSIONS, DOCKER_VERSION: '5:28.5.2-1~ubuntu.24.04~noble' });
    assert.equal(second.code, 0, second.stderr);
    assert.doesNotMatch(second.stdout, /^changed:/m);
    assert.deepEqual(await machine.calls(), installed);
  });

  it('refuse a Docker version that the repository lacks, and list its versions', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path);
    const { code, stderr } = await machine.run('docker.sh', { ...VERSIONS, DOCKER_VERSION: '28.5' });
    assert.equal(code, 1);
    assert.match(stderr, /repository has no docker-ce 28\.5\.\n.*It has: 5:29\.1\.0-1\S+ 5:28\.5\.2-1\S+/);
    assert.deepEqual(await machine.calls(), []);
  });

  it('refuse a repository with a different key', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path);
    await machine.has('fingerprint', DOCKER_KEY.replace('9', '0'));
    const { code, stderr } = await machine.run('docker.sh', VERSIONS);
    assert.equal(code, 1);
    assert.match(stderr, /is no longer the key 9DC8/);
    assert.deepEqual(await machine.files('etc/apt/sources.list.d'), []);
  });

  it('accept only the release of Node.js with the known checksum', async () => {
    await using folder = await temporaryDirectory();
    const machine = await FakeMachine.make(folder.path);
    const tree = join(folder.path, 'node-v1.2.3-linux-x64');
    await mkdir(join(tree, 'bin'), { recursive: true });
    await writeFile(join(tree, 'bin/node'), '#!/bin/sh\n', { mode: 0o755 });
    const tarball = join(folder.path, 'web/node-v1.2.3-linux-x64.tar.xz');
    await runOk(['tar', '-cJf', tarball, '-C', folder.path, 'node-v1.2.3-linux-x64']);
    const sha256 = createHash('sha256')
      .update(await readFile(tarball))
      .digest('hex');

    const unknown = await machine.run('node.sh', { NODE_VERSION: '1.2.3' });
    assert.match(unknown.stderr, /the checksum of Node\.js 1\.2\.3-linux-x64 is not known\.\n.*SHASUMS256\.txt/);
    const wrong = await machine.run('node.sh', { NODE_VERSION: '1.2.3', NODE_SHA256: sha256.replace(/^./, 'x') });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, new RegExp(`has changed: its SHA-256 is ${sha256}`));
    assert.deepEqual(await machine.files('usr/local/bin'), []);

    const right = await machine.run('node.sh', { NODE_VERSION: '1.2.3', NODE_SHA256: sha256 });
    assert.equal(right.code, 0, right.stdout + right.stderr);
    assert.deepEqual([...(await machine.files('usr/local/bin'))].sort(), ['node', 'npm', 'npx']);
    await rm(tarball);
    const again = await machine.run('node.sh', { NODE_VERSION: '1.2.3', NODE_SHA256: sha256 });
    assert.equal(again.code, 0, again.stderr);
    assert.doesNotMatch(again.stdout, /^changed:/m);
  });
});
