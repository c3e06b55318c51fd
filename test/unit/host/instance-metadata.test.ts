import assert from 'node:assert/strict';
import { InstanceMetadata } from '../../../src/lib/host/instance-metadata.js';
import { FakeInstanceMetadata, INSTANCE_ID } from '../../fakes/fake-instance-metadata.js';
import { FlakyServer } from '../../support/flaky-server.js';

const NEVER = new AbortController().signal;
const ID = '/meta-data/instance-id';

describe('InstanceMetadata', () => {
  let service: FakeInstanceMetadata;
  let metadata: InstanceMetadata;
  beforeEach(async () => {
    service = await FakeInstanceMetadata.start();
    metadata = new InstanceMetadata(service.url);
  });
  afterEach(() => service.close());

  it('uses one token for all requests', async () => {
    assert.equal(await metadata.get(ID, NEVER), INSTANCE_ID);
    assert.equal(await metadata.get('/meta-data/spot/termination-time', NEVER), undefined);
    assert.deepEqual(service.asked, [
      'PUT /latest/api/token',
      `GET /latest${ID}`,
      'GET /latest/meta-data/spot/termination-time',
    ]);
  });

  it('sends its token nowhere else', async () => {
    const elsewhere = await FlakyServer.start((_request, response) => response.end('x'));
    const redirecting = await FlakyServer.start((request, response) => {
      if (request.method === 'PUT') response.end('token');
      else response.writeHead(302, { location: elsewhere.url }).end();
    });
    try {
      await assert.rejects(new InstanceMetadata(redirecting.url).get(ID, NEVER), /302/);
      assert.equal(elsewhere.requests.length, 0);
    } finally {
      await redirecting.close();
      await elsewhere.close();
    }
  });

  it('gets a new token when the old one is refused', async () => {
    await metadata.get(ID, NEVER);
    service.expireTokens();
    assert.equal(await metadata.get(ID, NEVER), INSTANCE_ID);
  });

  it('gets a new token before the old one expires', async () => {
    let now = new Date();
    const patient = new InstanceMetadata(service.url, () => now);
    await patient.get(ID, NEVER);
    now = new Date(now.getTime() + 6 * 3600_000);
    await patient.get(ID, NEVER);
    assert.equal(service.asked.filter((asked) => asked.startsWith('PUT')).length, 2);
  });

  for (const mode of ['unknown', 'silent'] as const) {
    it(`works without tokens when the token service is ${mode}`, async () => {
      service.tokenMode = mode;
      assert.equal(await metadata.get(ID, NEVER), INSTANCE_ID);
      assert.equal(await metadata.get(ID, NEVER), INSTANCE_ID);
      assert.equal(service.asked.filter((asked) => asked.startsWith('PUT')).length, 1);
    });
  }

  it('fails when the service fails or does not answer', async () => {
    service.failures = 2;
    await assert.rejects(metadata.get(ID, NEVER), /503/);
    await service.close();
    await assert.rejects(metadata.get(ID, NEVER), /ECONNREFUSED|socket hang up/);
  });
});
