import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createRawServer } from 'node:net';
import fc from 'fast-check';
import { Attempts } from '../../../src/lib/util/retry.js';
import { startDownload } from '../../../src/lib/images/download/resumable-download.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { TaskclusterPurgeCache } from '../../../src/lib/queue/taskcluster-purge-cache.js';
import { TaskclusterQueue } from '../../../src/lib/queue/taskcluster-queue.js';
import { TaskclusterWorkerManager } from '../../../src/lib/host/taskcluster-worker-manager.js';
import { allowing, expect } from '../expect.js';
import { answerOf } from '../inputs/answers.js';
import type { Answer } from '../inputs/answers.js';
import { mutated } from '../inputs/bytes.js';
import { jsonValue, largeJson, sometimesCut } from '../inputs/json.js';
import { textOf } from '../inputs/text.js';
import { target } from '../target.js';
import type { Running, Target } from '../target.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const { signal: NEVER } = new AbortController();
const CALL_TIMEOUT_MS = 10_000;

async function close(server: Server): Promise<void> {
  const closed = once(server.close(), 'close');
  server.closeAllConnections();
  await closed;
}

const QUEUE_KEYS = [
  'tasks',
  'status',
  'taskId',
  'runs',
  'runId',
  'started',
  'state',
  'takenUntil',
  'task',
  'scopes',
  'expires',
  'payload',
  'credentials',
  'clientId',
  'accessToken',
  'certificate',
  'workerGroup',
  'workerId',
  'requests',
  'cacheName',
  'before',
  'storageType',
  'putUrl',
  'uploadId',
  'secret',
  'workerConfig',
  'message',
];
const CLAIM = {
  status: { taskId: 'a', runs: [{ started: '2026-01-01T00:00:00Z', state: 'running' }] },
  runId: 0,
  workerGroup: 'g',
  workerId: 'w',
  takenUntil: '2026-01-01T00:20:00Z',
  task: { scopes: [], expires: '2026-02-01T00:00:00Z', payload: {} },
  credentials: { clientId: 'c', accessToken: 'a', certificate: '{}' },
};
const GOOD_ANSWERS = [
  { tasks: [CLAIM] },
  CLAIM,
  { requests: [{ cacheName: 'c', before: '2026-01-01T00:00:00Z' }] },
  { storageType: 's3', putUrl: 'http://x' },
  { credentials: CLAIM.credentials, secret: 's', expires: CLAIM.takenUntil, workerConfig: {} },
];

/** A good answer in which one value, somewhere, is another one. */
const changedAnswer = fc
  .tuple(fc.constantFrom(...GOOD_ANSWERS), fc.nat(40), jsonValue(QUEUE_KEYS))
  .map(([good, position, value]) => {
    let seen = 0;
    const changed = JSON.stringify(good, (_key, each: unknown) => (seen++ === position ? value : each)) as
      string | undefined;
    return changed ?? 'null';
  });

const queue = target({
  name: 'queue-answers',
  about: 'answers of the queue, of purge-cache and of worker-manager',
  inputs: answerOf(
    fc.oneof(
      { weight: 5, arbitrary: changedAnswer },
      { weight: 1, arbitrary: sometimesCut(largeJson(QUEUE_KEYS, 1_000_000)) },
    ),
  ),
  start: async (): Promise<Running<Answer>> => {
    let current: Answer = { status: 200, type: '', body: '' };
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(current.status, { 'content-type': current.type });
        response.end(current.body);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const rootUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = new CredentialHolder({ clientId: 'c', accessToken: 'a' });
    const identity = { provisionerId: 'p', workerType: 't', workerGroup: 'g', workerId: 'w' };
    const times = {
      callTimeoutMs: CALL_TIMEOUT_MS,
      claimTimeoutMs: CALL_TIMEOUT_MS,
      uploadInactivityMs: CALL_TIMEOUT_MS,
    };
    const client = new TaskclusterQueue({ rootUrl, credentials, ...identity, ...times, onBadClaim: () => undefined });
    const run = client.forRun({ taskId: 'a', runId: 0, clockSkewMs: 0 }, credentials);
    const caches = new TaskclusterPurgeCache({
      rootUrl,
      credentials,
      workerPoolId: 'p/t',
      clockSkewMs: () => 0,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
    const manager = new TaskclusterWorkerManager(CALL_TIMEOUT_MS);
    const registration = {
      workerPoolId: 'p/t',
      providerId: 'x',
      workerGroup: 'g',
      workerId: 'w',
      workerIdentityProof: {},
    };
    return {
      attempt: async (answer) => {
        current = answer;
        const claims = await allowing([ServiceError], () => client.claimWork(1, NEVER));
        for (const { takenUntil, clockSkewMs } of claims ?? []) {
          expect(!Number.isNaN(takenUntil.getTime()) && !Number.isNaN(clockSkewMs), 'a claim has no valid time');
        }
        const reclaimed = await allowing([ServiceError], () => run.reclaim(NEVER));
        if (reclaimed) {
          const { clientId, accessToken } = reclaimed.credentials;
          expect(
            typeof clientId === 'string' && typeof accessToken === 'string',
            'a reclaim without credentials is taken',
          );
        }
        await allowing([ServiceError], () => run.isResolved(NEVER));
        await allowing([ServiceError], () => run.reportCompleted(NEVER));
        await allowing([ServiceError], () =>
          run.createArtifact('a', { storageType: 's3', contentType: 'a/b', expires: new Date().toISOString() }, NEVER),
        );
        const purges = await allowing([ServiceError], () => caches.purgeRequests(undefined, NEVER));
        for (const { cacheName } of purges ?? []) expect(typeof cacheName === 'string', 'a cache to purge has no name');
        await allowing([ServiceError], () => manager.register(rootUrl, registration, NEVER));
      },
      close: () => close(server),
    };
  },
});

const HEADER_TOKENS = [
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 206 x\r\n',
  'HTTP/1.1 302 x\r\nLocation: ',
  'HTTP/1.1 404 x\r\n',
  'HTTP/1.1 503 x\r\n',
  'Content-Length: 5\r\n',
  'Content-Type: application/json\r\n',
  'ETag: "a"\r\n',
  'Content-Range: bytes 0-4/5\r\n',
  'Content-Range: bytes ',
  'Content-Encoding: gzip\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Location: /\r\n',
  'http://[',
  '\r\n',
  '\r\n\r\n',
  'hello',
  '{"message":"no"}',
];
const GOOD_DOWNLOAD = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "a"\r\nConnection: close\r\n\r\nhello';

const download = target({
  name: 'download-answers',
  about: 'answers of the services that image artifacts are downloaded from',
  inputs: fc.array(
    fc.oneof(
      { weight: 2, arbitrary: mutated(fc.constant(Buffer.from(GOOD_DOWNLOAD))) },
      { weight: 3, arbitrary: textOf(HEADER_TOKENS, 300_000).map((text) => Buffer.from(`HTTP/1.1 200 OK\r\n${text}`)) },
      { weight: 2, arbitrary: textOf(HEADER_TOKENS, 300_000).map((text) => Buffer.from(text)) },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  start: async (): Promise<Running<readonly Buffer[]>> => {
    let answers: readonly Buffer[] = [];
    let asked = 0;
    const server = createRawServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answers[Math.min(asked++, answers.length - 1)] ?? ''));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/artifact`;
    const progress = {
      line: (text: string): void => {
        expect(text !== '', 'a line without words');
      },
    };
    return {
      attempt: async (input) => {
        answers = input;
        asked = 0;
        const attempts = new Attempts({ attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 });
        // Its end closes the connections whose answers are of no use, as with an image.
        const attempt = new AbortController();
        await allowing([ServiceError], async () => {
          const options = { address: () => address, inactivityMs: 3000, attempts, progress };
          const { body } = await startDownload(options, attempt.signal);
          for await (const chunk of body) expect(chunk.length > 0, 'an empty chunk');
        }).finally(() => {
          attempt.abort(new Error('the attempt is over'));
        });
      },
      close: async () => {
        await once(server.close(), 'close');
      },
    };
  },
});

export const SERVICES: readonly Target[] = [queue, download];
