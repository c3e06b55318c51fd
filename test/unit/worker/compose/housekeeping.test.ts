import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CredentialHolder } from '../../../../src/lib/queue/credential-holder.js';
import { makeLife } from '../../../../src/lib/worker/compose/housekeeping.js';
import type { WorkerOptions } from '../../../../src/lib/worker/worker.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { FlakyServer } from '../../../support/flaky-server.js';
import { load } from '../../config/fixture.js';

describe('what limits the life of a worker', () => {
  const { signal } = new AbortController();
  let stateDir: string;
  let server: FlakyServer;
  let credentials: CredentialHolder;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'life-'));
    credentials = new CredentialHolder({ clientId: 'first', accessToken: 'a' });
    server = await FlakyServer.start((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ terminate: true, reason: 'over capacity' }));
    });
  });
  afterEach(async () => {
    await server.close();
    await rm(stateDir, { recursive: true });
  });

  const composed = async (
    isManaged: boolean,
    settings: object = {},
  ): Promise<Pick<WorkerOptions, 'advice' | 'quota'>> => {
    const { config } = await load({
      flags: { rootUrl: server.url, workerId: 'w-1', workerGroup: 'g', stateDir, ...settings },
    });
    return await makeLife(config, { host: { isManaged }, credentials, log: new MemoryLogger() });
  };

  it('is worker-manager if it knows the worker, asked with the current credentials', async () => {
    const { advice } = await composed(true);
    credentials.renew({ clientId: 'second', accessToken: 'b' });
    assert.equal(await advice?.reasonToEnd(signal), 'over capacity');
    const [request] = server.requests;
    assert.equal(request?.url, '/api/worker-manager/v1/workers/local%2Fdocker-worker/g/w-1/should-terminate');
    assert.match(request.headers.authorization ?? '', /^Hawk id="second"/);
  });

  it('includes worker-manager only if the configuration says so', async () => {
    assert.equal((await composed(false)).advice, undefined);
    assert.equal((await composed(true, { shutdown: { askWorkerManager: false } })).advice, undefined);
    assert.notEqual((await composed(false, { shutdown: { askWorkerManager: true } })).advice, undefined);
  });

  it('includes a task quota if one is configured', async () => {
    assert.equal((await composed(false)).quota, undefined);
    assert.equal((await composed(false, { numberOfTasksToRun: 2 })).quota?.left(0), 2);
  });
});
