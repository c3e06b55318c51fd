import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';

const SPEC = { name: 'n', subnet: '10.0.0.0/28', gateway: '10.0.0.1', labels: {} };
const NO_POOL = 'could not find an available, non-overlapping IPv6 address pool among the defaults';

interface NetworkRequest {
  readonly EnableIPv6?: boolean;
  readonly IPAM: unknown;
}

describe('the IPv6 of task networks', () => {
  let server: Server;
  let engine: DockerodeEngine;
  /** What the engine says of its default network; undefined: it has none. */
  let bridge: object | undefined;
  /** How it answers to a network with IPv6. */
  let refusal: { readonly status: number; readonly message: string } | undefined;
  let inspections: number;
  let created: NetworkRequest[];

  beforeEach(async () => {
    [bridge, refusal, inspections, created] = [{ EnableIPv6: true }, undefined, 0, []];
    server = createServer((request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (request.method === 'GET') {
        inspections += 1;
        answer(bridge ? 200 : 404, bridge ?? { message: 'network bridge not found' });
        return;
      }
      void json(request).then((body) => {
        const wanted = body as NetworkRequest;
        created.push(wanted);
        if (wanted.EnableIPv6 && refusal) answer(refusal.status, { message: refusal.message });
        else answer(201, { Id: 'it' });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    engine = new DockerodeEngine({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const asked = (): readonly (boolean | undefined)[] => created.map(({ EnableIPv6 }) => EnableIPv6);

  it('is enabled if the default network has it, which is read once', async () => {
    for (let n = 0; n < 3; n += 1) assert.equal(await engine.createNetwork(SPEC), 'it');
    assert.deepEqual(asked(), [true, true, true]);
    assert.equal(inspections, 1);
    assert.deepEqual(created[0]?.IPAM, {
      Driver: 'default',
      Config: [{ Subnet: SPEC.subnet, Gateway: SPEC.gateway }],
    });
  });

  for (const [what, network] of [
    ['the default network has none', { EnableIPv6: false }],
    ['there is no default network', undefined],
  ] as const) {
    it(`is omitted if ${what}`, async () => {
      bridge = network;
      for (let n = 0; n < 2; n += 1) assert.equal(await engine.createNetwork(SPEC), 'it');
      assert.deepEqual(asked(), [undefined, undefined]);
      assert.equal(inspections, 1);
    });
  }

  it('is omitted from then on if the engine has no addresses for it', async () => {
    refusal = { status: 500, message: NO_POOL };
    for (let n = 0; n < 2; n += 1) assert.equal(await engine.createNetwork(SPEC), 'it');
    assert.deepEqual(asked(), [true, undefined, undefined]);
  });

  it('is not retried without for other refusals', async () => {
    refusal = { status: 403, message: 'Pool overlaps with other one on this address space' };
    assert.equal(await engine.createNetwork(SPEC), undefined);
    refusal = { status: 500, message: 'out of memory' };
    await assert.rejects(engine.createNetwork(SPEC), DockerError);
    assert.deepEqual(asked(), [true, true]);
  });
});
