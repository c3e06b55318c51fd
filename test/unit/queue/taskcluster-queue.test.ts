import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { QueueError } from '../../../src/lib/queue/queue-client.js';
import { TaskclusterQueue } from '../../../src/lib/queue/taskcluster-queue.js';

const SIGNAL = new AbortController().signal;

describe('answers of a queue that make no sense', () => {
  let server: Server;
  let queue: TaskclusterQueue;
  let answer = '';

  beforeEach(async () => {
    server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const credentials = new CredentialHolder({ clientId: 'c', accessToken: 't' });
    const rootUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pool = { provisionerId: 'p', workerType: 't', workerGroup: 'g', workerId: 'w' };
    queue = new TaskclusterQueue({ rootUrl, credentials, ...pool });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const run = () => queue.forRun({ taskId: 'a', runId: 0 }, new CredentialHolder({ clientId: 'c', accessToken: 't' }));
  const isTransient = (error: unknown): boolean => error instanceof QueueError && error.isTransient;

  for (const text of [
    '{}',
    'null',
    'garbage',
    '{"takenUntil": "rubbish", "tasks": [{"status": {}, "takenUntil": "x"}]}',
  ]) {
    it(`are calls that failed and may be tried again: ${text}`, async () => {
      answer = text;
      await assert.rejects(run().isResolved(SIGNAL), isTransient);
      await assert.rejects(run().reclaim(SIGNAL), isTransient);
      await assert.rejects(queue.claimWork(1, SIGNAL), isTransient);
    });
  }
});
