import assert from 'node:assert/strict';
import type { TerminationAdvice } from '../../../src/lib/host/worker-manager.js';
import { TaskclusterWorkerManager } from '../../../src/lib/host/taskcluster-worker-manager.js';
import { FlakyServer } from '../../support/flaky-server.js';
import { ServiceError, isErrorOf } from '../../../src/lib/outcome/service-error.js';

describe('asking worker-manager whether a worker should end', () => {
  const { signal } = new AbortController();
  let server: FlakyServer;
  const answers = async (statusCode: number, content: unknown): Promise<void> => {
    server = await FlakyServer.start((request, response) => {
      request.resume();
      response.writeHead(statusCode, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    });
  };
  const ask = (): Promise<TerminationAdvice> =>
    new TaskclusterWorkerManager(10_000).shouldTerminate(
      { rootUrl: server.url, credentials: { clientId: 'worker/a', accessToken: 'the-token' } },
      { workerPoolId: 'proj/ci', workerGroup: 'us-west-2', workerId: 'i-1' },
      signal,
    );
  afterEach(() => server.close());

  it('sends a signed request and returns the answer', async () => {
    await answers(200, { terminate: true, reason: 'over capacity' });
    assert.deepEqual(await ask(), { terminate: true, reason: 'over capacity' });
    const [request] = server.requests;
    assert.equal(request?.method, 'GET');
    assert.equal(request.url, '/api/worker-manager/v1/workers/proj%2Fci/us-west-2/i-1/should-terminate');
    assert.match(request.headers.authorization ?? '', /^Hawk id="worker\/a"/);
  });

  it('fails when worker-manager does not know the worker or the method', async () => {
    await answers(404, { code: 'ResourceNotFound', message: 'Worker not found' });
    await assert.rejects(ask(), (error) => isErrorOf(error, 'taskcluster', 404));
  });

  it('fails when the answer is invalid', async () => {
    await answers(200, { terminate: 'perhaps' });
    await assert.rejects(ask(), ServiceError);
  });
});
