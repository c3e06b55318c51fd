import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import type { TaskClaim } from 'taskcluster-client';
import { parseClaim } from '../../../src/lib/queue/parse-claim.js';
import { TaskclusterQueue } from '../../../src/lib/queue/taskcluster-queue.js';
import { isRetryable } from '../../../src/lib/outcome/service-error.js';

const SIGNAL = new AbortController().signal;
const RUN = { taskId: 'a', runId: 0, clockSkewMs: 0 };

describe('invalid answers of the queue', () => {
  let server: Server;
  let queue: TaskclusterQueue;
  let answer = '';
  let badClaims: unknown[];

  beforeEach(async () => {
    badClaims = [];
    server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const credentials = new CredentialHolder({ clientId: 'c', accessToken: 't' });
    const rootUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pool = { provisionerId: 'p', workerType: 't', workerGroup: 'g', workerId: 'w' };
    queue = new TaskclusterQueue({
      rootUrl,
      credentials,
      ...pool,
      callTimeoutMs: 1000,
      claimTimeoutMs: 1000,
      uploadInactivityMs: 1000,
      onBadClaim: (error) => badClaims.push(error),
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const run = () => queue.forRun(RUN, new CredentialHolder({ clientId: 'c', accessToken: 't' }));

  for (const text of [
    '{}',
    'null',
    'garbage',
    '{"takenUntil": "rubbish", "tasks": [{"status": {}, "takenUntil": "x"}]}',
  ]) {
    it(`fail the call as retryable: ${text}`, async () => {
      answer = text;
      await assert.rejects(run().isResolved(SIGNAL), isRetryable);
      await assert.rejects(run().reclaim(SIGNAL), isRetryable);
      await assert.rejects(queue.claimWork(1, SIGNAL), isRetryable);
    });
  }

  it('drop only the claims that they are about', async () => {
    const claim = {
      status: { taskId: 'a', runs: [{ runId: 0, started: new Date().toISOString() }] },
      runId: 0,
      workerGroup: 'g',
      workerId: 'w',
      takenUntil: new Date().toISOString(),
      task: { scopes: [], expires: new Date().toISOString(), payload: {} },
      credentials: { clientId: 'c', accessToken: 't', certificate: '{}' },
    };
    const bad = [
      { ...claim, takenUntil: 'soon' },
      { ...claim, credentials: {} },
      { ...claim, task: null },
    ];
    answer = JSON.stringify({ tasks: [bad[0], claim, bad[1], bad[2]] });
    const claims = await queue.claimWork(4, SIGNAL);
    assert.deepEqual(
      claims.map(({ taskId }) => taskId),
      ['a'],
    );
    assert.equal(badClaims.length, 3);
  });
});

describe('the clock of the queue', () => {
  it('is converted to that of this machine', () => {
    const tenMinutesMs = 600_000;
    const queueNow = Date.now() - tenMinutesMs;
    const claim = parseClaim(
      {
        status: { taskId: 'a', runs: [{ started: new Date(queueNow).toISOString() }] },
        runId: 0,
        workerGroup: 'g',
        workerId: 'w',
        takenUntil: new Date(queueNow + 1000).toISOString(),
        task: { scopes: [], expires: 'later', payload: {} },
        credentials: { clientId: 'c', accessToken: 't', certificate: '{}' },
      } as unknown as TaskClaim,
      new Date(queueNow + tenMinutesMs),
    );
    assert.equal(claim.clockSkewMs, tenMinutesMs);
    assert.equal(claim.takenUntil.getTime(), queueNow + tenMinutesMs + 1000);
  });
});

describe('credentials that expire during a call', () => {
  it('cause a retry when they were replaced meanwhile', async () => {
    const source = new CredentialHolder({ clientId: 'c', accessToken: 'old' });
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const clientId = /id="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      seen.push(clientId);
      source.renew({ clientId: 'renewed', accessToken: 'new' });
      response.writeHead(clientId === 'renewed' ? 200 : 401, { 'content-type': 'application/json' });
      response.end('{"storageType": "link", "message": "ext.certificate has expired"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const queue = new TaskclusterQueue({
        rootUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        credentials: source,
        provisionerId: 'p',
        workerType: 't',
        workerGroup: 'g',
        workerId: 'w',
        callTimeoutMs: 1000,
        claimTimeoutMs: 1000,
        uploadInactivityMs: 1000,
        onBadClaim: () => undefined,
      });
      const link = { storageType: 'link', artifact: 'b', contentType: 'text/plain', expires: 'later' } as const;
      await queue.forRun(RUN, source).createArtifact('a', link, SIGNAL);
      assert.deepEqual(seen, ['c', 'renewed']);
      source.renew({ clientId: 'gone', accessToken: 'new' });
      server.removeAllListeners('request').on('request', (_request, response) => response.writeHead(401).end('{}'));
      await assert.rejects(queue.forRun(RUN, source).createArtifact('a', link, SIGNAL), { status: 401 });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('the size of an artifact', () => {
  /** Answers like a queue that accepts `contentLength`, or like older ones. */
  const withQueue = async (
    refusals: (request: Readonly<Record<string, unknown>>) => string | undefined,
    use: (queue: TaskclusterQueue) => Promise<void>,
  ): Promise<readonly unknown[]> => {
    const lengths: unknown[] = [];
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        const asked = body as Readonly<Record<string, unknown>>;
        lengths.push(asked['contentLength']);
        const message = refusals(asked);
        const answer = message === undefined ? { storageType: 's3', putUrl: 'http://x' } : { message };
        response.writeHead(message === undefined ? 200 : 400, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const rootUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const pool = { provisionerId: 'p', workerType: 't', workerGroup: 'g', workerId: 'w' };
      const limits = { callTimeoutMs: 5000, claimTimeoutMs: 5000, uploadInactivityMs: 5000 };
      const credentials = new CredentialHolder({ clientId: 'c', accessToken: 't' });
      await use(new TaskclusterQueue({ rootUrl, credentials, ...pool, ...limits, onBadClaim: () => undefined }));
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    return lengths;
  };
  const s3 = { storageType: 's3', contentType: 'text/plain', contentLength: 7, expires: 'later' } as const;
  const create = async (queue: TaskclusterQueue): Promise<void> => {
    const run = queue.forRun(RUN, new CredentialHolder({ clientId: 'c', accessToken: 't' }));
    assert.deepEqual(await run.createArtifact('a', s3, SIGNAL), { putUrl: 'http://x' });
  };

  it('is sent to a queue that accepts it', async () => {
    assert.deepEqual(await withQueue(() => undefined, create), [7]);
  });

  it('is omitted in all later calls once a queue has refused it by name', async () => {
    const old = ({ contentLength }: Readonly<Record<string, unknown>>): string | undefined =>
      contentLength === undefined
        ? undefined
        : 'data must NOT have additional properties: "contentLength"\n---\n* payload';
    const twice = async (queue: TaskclusterQueue): Promise<void> => {
      await create(queue);
      await create(queue);
    };
    assert.deepEqual(await withQueue(old, twice), [7, undefined, undefined]);
  });

  it('is still sent after another error that repeats the request', async () => {
    const other = 'Expires must be in the future\n---\n* payload: {"contentLength": 7}';
    const fails = (queue: TaskclusterQueue): Promise<void> => assert.rejects(create(queue), { status: 400 });
    assert.deepEqual(await withQueue(() => other, fails), [7]);
  });
});
