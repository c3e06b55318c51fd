import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProcessTools } from '../../deploy/lib/process-tools.js';
import { buildReleaseTarball } from '../../deploy/lib/release-tarball.js';
import { runScript } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const NAME = 'node-v0-linux-x64';

describe('the tarball of a release', function () {
  this.timeout(900_000);
  const folder = new TempFolder();

  /** Packs this machine's Node.js like nodejs.org does, where curl finds it; npm finds the installed packages. */
  async function offerNode(): Promise<{ readonly name: string; readonly url: string; readonly sha256: string }> {
    const bin = folder.at('node', NAME, 'bin');
    await mkdir(bin, { recursive: true });
    await copyFile(process.execPath, join(bin, 'node'));
    await writeFile(join(bin, '../LICENSE'), 'of node');
    const archive = folder.at('node.tar.xz');
    execFileSync('tar', ['-cf', archive, '-I', 'xz -0', '-C', folder.at('node'), NAME]);
    await folder.write(
      'bin/curl',
      `#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncp '${archive}' "$2"\n`,
      0o755,
    );
    const sha256 = createHash('sha256')
      .update(await readFile(archive))
      .digest('hex');
    return { name: NAME, url: 'https://nodejs.example.com/node.tar.xz', sha256 };
  }

  it('contains a worker that worker-runner can start where it is unpacked, with nothing else installed', async () => {
    const node = await offerNode();
    const path = `${folder.at('bin')}:${process.env['PATH'] ?? ''}`;
    const tools = new ProcessTools({ ...process.env, PATH: path }, process);
    const tarball = folder.at('docker-worker-x64.tgz');
    await buildReleaseTarball({ checkout: process.cwd(), node }, tarball, tools);
    execFileSync('tar', ['-xzf', tarball, '-C', folder.path]);
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
    const launcher = folder.at('docker-worker/bin/docker-worker');
    // The PATH does not include this machine's Node.js.
    const env = { PATH: '/nonexistent:/usr/bin:/bin' };
    assert.deepEqual(await runScript(launcher, ['--version'], { env, cwd: '/' }), {
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
    const config = await folder.write('runner.json', JSON.stringify(RUNNER_CONFIG));
    const args = ['--host', 'worker-runner', '--print-config', 'production'];
    const printed = await runScript(launcher, args, { env: { ...env, DOCKER_WORKER_CONFIG: config }, cwd: '/' });
    assert.equal(printed.code, 0, printed.stderr);
    assert.match(printed.stdout, /^workerType: ci$/m);
  });
});

/** The configuration that worker-runner 99 writes for a docker-worker. */
const RUNNER_CONFIG = {
  rootUrl: 'https://tc.example.com',
  taskcluster: { clientId: 'worker/aws/proj/ci/us-west-2/i-1', accessToken: 'secret', certificate: '{}' },
  provisionerId: 'proj',
  workerType: 'ci',
  workerGroup: 'us-west-2',
  workerId: 'i-1',
  host: 'ec2-203-0-113-7.example.com',
  publicIp: '203.0.113.7',
  privateIp: '172.31.0.7',
  workerNodeType: 'm5.large',
  instanceType: 'm5.large',
  instanceId: 'i-1',
  region: 'us-west-2',
  workerLocation: '{"cloud":"aws","region":"us-west-2"}',
  statelessHostname: { secret: 'dns' },
};
