import assert from 'node:assert/strict';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import type { NetworkInfo } from '../../../src/lib/docker/engine.js';
import { EngineSocket } from '../../support/engine-socket.js';

const SUBNET = { Subnet: '10.0.0.16/28', Gateway: '10.0.0.17' };
const NETWORK = { Id: 'id', Name: 'n', IPAM: { Driver: 'default', Config: [SUBNET] } };
const FOUND: NetworkInfo = { id: 'id', subnet: '10.0.0.16/28', gateway: '10.0.0.17' };

describe('finding a network by name', () => {
  const find = async (...listed: readonly object[]): Promise<NetworkInfo | undefined> => {
    const socket = await EngineSocket.start((_request, response) => response.end(JSON.stringify(listed)));
    try {
      const engine = new DockerodeEngine({ socketPath: socket.socketPath });
      return await engine.findNetwork('n', { worker: 'me' }, new AbortController().signal);
    } finally {
      await socket.close();
    }
  };

  it('returns its subnet and gateway', async () => {
    assert.deepEqual(await find(NETWORK), FOUND);
  });

  it('returns the IPv4 subnet if it has IPv6 too', async () => {
    const six = { Subnet: 'fd00::/64', Gateway: 'fd00::1' };
    assert.deepEqual(await find({ ...NETWORK, IPAM: { Config: [six, SUBNET] } }), FOUND);
    assert.equal(await find({ ...NETWORK, IPAM: { Config: [six] } }), undefined);
  });

  it('returns nothing without a network of that name', async () => {
    assert.equal(await find(), undefined);
    assert.equal(await find({ ...NETWORK, Name: 'labelled-as-n' }), undefined);
    assert.deepEqual(await find({ ...NETWORK, Id: 'other', Name: 'labelled-as-n' }, NETWORK), FOUND);
  });

  it('returns nothing if two networks have that name', async () => {
    assert.equal(await find(NETWORK, { ...NETWORK, Id: 'other' }), undefined);
  });

  it('returns nothing for a network without subnets', async () => {
    for (const IPAM of [null, {}, { Config: null }]) assert.equal(await find({ ...NETWORK, IPAM }), undefined);
  });
});
