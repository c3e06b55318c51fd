import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { needProgram, needRoot, temporaryDirectory } from './machine-support.js';

const IMAGE = 'docker-worker/test:latest';

interface DaemonSettings {
  readonly icc: boolean;
  readonly ipv6: boolean;
  readonly 'fixed-cidr-v6': string;
}

describe('docker on a machine', function () {
  this.timeout(300_000);
  before(async function () {
    needRoot(this);
    await needProgram(this, 'dockerd', 'docker.io');
  });

  it('isolates containers on its default bridge, gives them IPv6 addresses, and does not affect other networks', async () => {
    await using folder = await temporaryDirectory();
    const settings = JSON.parse(await readFile('deploy/template/etc/docker/daemon.json', 'utf8')) as DaemonSettings;
    // The other settings concern disks and address ranges of this machine.
    const { icc, ipv6, 'fixed-cidr-v6': cidr } = settings;
    const file = join(folder.path, 'daemon.json');
    await writeFile(file, JSON.stringify({ icc, ipv6, 'fixed-cidr-v6': cidr }));
    await using daemon = await IsolatedDaemon.start(`--config-file=${file}`);
    const docker = new Docker({ socketPath: daemon.socketPath });
    await docker.createNetwork({ Name: 'own', Driver: 'bridge' });
    assert.equal(await connects(docker, 'bridge'), false);
    assert.equal(await connects(docker, 'own'), true);
    const [address] = await ipv6Addresses(docker, 'bridge');
    assert.match(address ?? '', /^fd15:4ba5:5a2b:100a:/);
  });
});

/** Returns whether one container of a network gets an answer from another. */
async function connects(docker: Docker, network: string): Promise<boolean> {
  const server = await start(docker, network, ['httpd', '-f', '-p', '8080']);
  const listening = await server.exec({ Cmd: ['sh', '-c', 'until nc 127.0.0.1 8080 </dev/null; do :; done'] });
  const output = await listening.start({});
  await once(output.resume(), 'end');
  const { NetworkSettings: settings } = await server.inspect();
  const address = settings.Networks[network]?.IPAddress ?? assert.fail('no address');
  const client = await start(docker, network, ['timeout', '5', 'nc', address, '8080']);
  const { StatusCode: code } = (await client.wait()) as { readonly StatusCode: number };
  return code === 0;
}

async function start(docker: Docker, network: string, command: string[]): Promise<Docker.Container> {
  const container = await docker.createContainer({ Image: IMAGE, Cmd: command, HostConfig: { NetworkMode: network } });
  await container.start();
  return container;
}

async function ipv6Addresses(docker: Docker, network: string): Promise<readonly string[]> {
  const containers = await docker.listContainers();
  const found = await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).inspect()));
  const each = found.map(({ NetworkSettings: { Networks } }) => Networks[network]?.GlobalIPv6Address ?? '');
  return each.filter((address) => address !== '');
}
