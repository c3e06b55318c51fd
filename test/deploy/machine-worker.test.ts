import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { Program } from '../support/program.js';
import { VALUES, renderTemplates, run, runOk, temporaryDirectory } from './machine-support.js';

const LOAD_IMAGES = resolve('deploy/template/usr/local/sbin/docker-worker-load-images');

describe('the worker on a machine', () => {
  it("accepts the deployment's configuration", async () => {
    await using folder = await temporaryDirectory();
    const registries = '{"quay.io/someone": {"username": "u", "password": "very-secret"}}';
    await renderTemplates(folder.path, {
      ...VALUES,
      registries,
      workerConfig: 'capacity: 3\ndindImage: example/dind:1',
    });
    // The worker also reads its /etc files from the home directory.
    const env = { HOME: join(folder.path, 'etc'), TASKCLUSTER_CLIENT_ID: 'c', TASKCLUSTER_ACCESS_TOKEN: 't' };
    const secrets = await secretsOf(folder.path);
    assert.deepEqual(secrets, { DNS_SERVER_SECRET: 'dns-secret', RELENG_API_TOKEN: '' });
    const worker = new Program('worker', ['production', '--print-config'], { ...env, ...secrets });
    assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.stderr);
    for (const line of ['capacity: 3', 'rootUrl: https://tc.example.com', 'dockerVolume: /mnt']) {
      assert.ok(worker.stdout.includes(line), worker.stdout);
    }
    assert.match(worker.stdout, /quay\.io\/someone/);
    assert.doesNotMatch(worker.stdout, /very-secret/);
  });

  it('has the key files that the configuration names', async () => {
    await using folder = await temporaryDirectory();
    await renderTemplates(folder.path);
    const config = await readFile('config.yml', 'utf8');
    const defaults = config.slice(0, config.indexOf('\nproduction:'));
    for (const key of ['certificate', 'key', 'dockerWorkerPrivateKey']) {
      const [, path = ''] = new RegExp(`^ +${key}: (/etc/\\S+)$`, 'm').exec(defaults) ?? [];
      assert.match(await readFile(join(folder.path, path), 'utf8'), /^-----BEGIN /, key);
    }
    const script = await readFile('deploy/packer/app/scripts/chain-of-trust-key.sh', 'utf8');
    const [, key = ''] = /^ +ed25519SigningKeyLocation: (\S+)$/m.exec(defaults) ?? [];
    assert.ok(script.includes(`KEY=${key}\n`), key);
  });

  it('reports which images its configuration needs', async () => {
    await using folder = await temporaryDirectory();
    const home = join(folder.path, 'docker-worker');
    await mkdir(join(home, 'bin'), { recursive: true });
    const configuration = {
      features: { dind: { enabled: true }, relengAPIProxy: { enabled: true }, balrogVPNProxy: { enabled: false } },
      dindImage: 'example/dind:1',
      sidecars: { relengAPIProxy: { image: 'example/proxy:2' }, balrogVPNProxy: { image: 'example/vpn:3' } },
    };
    await writeFile(join(home, 'bin/docker-worker'), `#!/bin/sh\ncat <<'X'\n${JSON.stringify(configuration)}\nX\n`, {
      mode: 0o755,
    });
    await cp('node_modules/js-yaml', join(home, 'node_modules/js-yaml'), { recursive: true });
    await cp('node_modules/argparse', join(home, 'node_modules/argparse'), { recursive: true });
    const env = {
      PROVISION_DIR: resolve('deploy/packer'),
      DOCKER_WORKER_HOME: home,
      ROOT_DIR: folder.path,
      DRY_RUN: '1',
    };
    const plan = await runOk(['deploy/packer/app/scripts/images.sh'], env);
    assert.deepEqual(
      [...plan.matchAll(/would keep the image (\S+)/g)].map(([, image]) => image),
      ['example/dind:1', 'example/proxy:2'],
    );
  });

  it('has the images that came with the machine', async () => {
    await using folder = await temporaryDirectory();
    const docker = new Docker();
    const images = join(folder.path, 'images');
    await mkdir(images);
    const name = `docker-worker-deploy-test:${process.pid}`;
    await writeFile(join(folder.path, 'content'), String(process.pid));
    const tar = `tar -c -C ${folder.path} content | docker import - ${name}`;
    await promisify(execFile)('sh', ['-c', tar]);
    const { Id: id } = await docker.getImage(name).inspect();
    try {
      await runOk(['sh', '-c', `docker save ${name} | zstd -q -o ${join(images, 'x.tar.zst')}`]);
      await writeFile(join(images, 'x.id'), `${id}\n`);
      const env = { DOCKER_WORKER_IMAGES: images };
      assert.equal(await runOk([LOAD_IMAGES], env), '');
      await docker.getImage(name).remove();
      assert.match(await runOk([LOAD_IMAGES, '--dry-run'], env), /^would load /);
      assert.match(await runOk([LOAD_IMAGES], env), /^changed: loaded /m);
      assert.equal((await docker.getImage(name).inspect()).Id, id);
      await writeFile(join(images, 'y.tar.zst'), 'no archive');
      // Whole: a beginning would also name any image whose id begins like that.
      await writeFile(join(images, 'y.id'), `sha256:${'0'.repeat(64)}\n`);
      const { code, stderr } = await run([LOAD_IMAGES], env);
      assert.equal(code, 1);
      assert.match(stderr, /y\.tar\.zst could not be loaded/);
    } finally {
      await docker.getImage(name).remove({ force: true });
    }
    assert.equal((await readdir(images)).length, 4);
  });

  it('is started by the launcher with the secrets in its environment, including special characters', async () => {
    await using folder = await temporaryDirectory();
    await renderTemplates(folder.path, { ...VALUES, statelessDnsSecret: 'a$b"c\\d e' });
    assert.equal((await secretsOf(folder.path))['DNS_SERVER_SECRET'], 'a$b"c\\d e');
    const launcher = (await readFile(join(folder.path, 'opt/docker-worker/bin/docker-worker'), 'utf8'))
      .replace('/etc/docker-worker/', join(folder.path, 'etc/docker-worker/'))
      .replace('/opt/docker-worker/', `${folder.path}/`);
    await writeFile(join(folder.path, 'launcher'), launcher, { mode: 0o755 });
    await mkdir(join(folder.path, 'dist/bin'), { recursive: true });
    const program = 'console.log(process.argv.slice(2).join(" "), process.env.DNS_SERVER_SECRET)';
    await writeFile(join(folder.path, 'dist/bin/worker.js'), program);
    const path = [resolve(process.execPath, '..'), process.env['PATH'] ?? ''].join(delimiter);
    const said = await runOk([join(folder.path, 'launcher'), '--host', 'worker-runner', 'production'], { PATH: path });
    assert.equal(said, '--host worker-runner production a$b"c\\d e\n');
  });
});

/** Returns the secrets as systemd reads them from the file: the text between single quotes. */
async function secretsOf(root: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(join(root, 'etc/docker-worker/secrets.env'), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)='([^']*)'$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}
