import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findContainerHost } from '../../../../src/local-ci/graph/container-host.js';
import { DockerError } from '../../../../src/lib/docker/engine.js';

/** An address for documentation, which no machine has. */
const ELSEWHERE = '192.0.2.1';
const LOOPBACK = { address: '127.0.0.1', isReachable: false };

describe('the address under which containers reach this machine', () => {
  let server: Server;
  /** What the engine says of its default network; undefined: it has none. */
  let ipam: object | undefined;

  beforeEach(async () => {
    server = createServer((request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      assert.equal(request.url, '/networks/bridge');
      if (ipam) answer(200, { IPAM: ipam });
      else answer(404, { message: 'network bridge not found' });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const find = async (config?: unknown): ReturnType<typeof findContainerHost> => {
    ipam = config === undefined ? undefined : { Config: config };
    const { port } = server.address() as AddressInfo;
    return await findContainerHost({ DOCKER_HOST: `tcp://127.0.0.1:${port}` }, undefined);
  };

  it('is the gateway of the default network', async () => {
    const network = [
      { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
      { Subnet: '127.0.0.0/8', Gateway: '127.0.0.9' },
    ];
    assert.deepEqual(await find(network), { address: '127.0.0.9', isReachable: true });
  });

  it('is the first address of that network when the engine names no gateway', async () => {
    assert.deepEqual(await find([{ Subnet: '127.0.0.128/25' }]), { address: '127.0.0.129', isReachable: true });
  });

  it('is none when the network is on another machine, or does not exist', async () => {
    assert.deepEqual(await find([{ Subnet: '192.0.2.0/24', Gateway: ELSEWHERE }]), LOOPBACK);
    assert.deepEqual(await find([]), LOOPBACK);
    assert.deepEqual(await find(null), LOOPBACK);
    assert.deepEqual(await find(), LOOPBACK);
  });

  it('is asked of the engine in the settings', async () => {
    ipam = { Config: [{ Gateway: '127.0.0.9' }] };
    const { port } = server.address() as AddressInfo;
    const settings = { docker: { host: '127.0.0.1', port } };
    assert.equal((await findContainerHost({ DOCKER_HOST: 'unix:///nowhere' }, settings)).isReachable, true);
  });

  it('is not known without an engine', async () => {
    await assert.rejects(findContainerHost({ DOCKER_HOST: 'unix:///nowhere' }, undefined), DockerError);
  });
});
