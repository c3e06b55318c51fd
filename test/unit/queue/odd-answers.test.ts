import assert from 'node:assert/strict';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { TaskclusterPurgeCache } from '../../../src/lib/queue/taskcluster-purge-cache.js';
import { TaskclusterQueue } from '../../../src/lib/queue/taskcluster-queue.js';
import { FlakyServer } from '../../support/flaky-server.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const TIME = '2030-01-01T00:00:00.000Z';
const TIMEOUT_MS = 10_000;

describe('invalid answers of services', () => {
  const { signal } = new AbortController();
  const credentials = new CredentialHolder({ clientId: 'c', accessToken: 'a' });
  let server: FlakyServer;
  const answerWith = async (content: unknown): Promise<void> => {
    server = await FlakyServer.start((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json').end(JSON.stringify(content));
    });
  };
  afterEach(() => server.close());

  it('do not extend a claim when they lack credentials', async () => {
    await answerWith({ takenUntil: TIME, credentials: { clientId: 'c' } });
    const queue = new TaskclusterQueue({
      rootUrl: server.url,
      credentials,
      provisionerId: 'p',
      workerType: 't',
      workerGroup: 'g',
      workerId: 'w',
      callTimeoutMs: TIMEOUT_MS,
      claimTimeoutMs: TIMEOUT_MS,
      uploadInactivityMs: TIMEOUT_MS,
      onBadClaim: () => undefined,
    });
    const run = queue.forRun({ taskId: 'a', runId: 0, clockSkewMs: 0 }, credentials);
    await assert.rejects(run.reclaim(signal), ServiceError);
  });

  it('purge no cache when its name is not a string', async () => {
    await answerWith({ requests: [{ cacheName: {}, before: TIME }] });
    const clockSkewMs = (): number => 0;
    const options = { rootUrl: server.url, credentials, workerPoolId: 'p/t', clockSkewMs, callTimeoutMs: TIMEOUT_MS };
    await assert.rejects(new TaskclusterPurgeCache(options).purgeRequests(undefined, signal), ServiceError);
  });
});
