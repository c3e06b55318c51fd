import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { Deployment, refusalOf, statusCodeOf } from './deployment.js';

const TEXT = 'text/plain';
const soon = (minutes = 30): string => new Date(Date.now() + minutes * 60_000).toJSON();
const s3 = (expires = soon()): object => ({ storageType: 's3', contentType: TEXT, expires });
const reference = (url: string, expires = soon()): object => ({
  storageType: 'reference',
  url,
  contentType: TEXT,
  expires,
});
const link = (artifact: string, expires = soon()): object => ({ storageType: 'link', artifact, expires });
const error = (message: string, expires = soon()): object => ({
  storageType: 'error',
  reason: 'file-missing-on-worker',
  message,
  expires,
});

describe('the artifact API of the local Taskcluster', () => {
  const deployment = new Deployment();
  let taskId = '';
  let queue: Queue;

  beforeEach(async () => {
    ({ taskId, queue } = await deployment.runTask());
  });

  const create = (name: string, artifact: object) => queue.createArtifact(taskId, 0, name, artifact);
  const raw = (path: string): Promise<Response> =>
    fetch(`${deployment.server.rootUrl}/api/queue/v1/task/${taskId}${path}`, { redirect: 'manual' });

  it('stores uploads and serves them with their headers through the queue', async () => {
    const { putUrl = '', storageType } = await create('public/dir/a b%2Fc.txt', s3());
    assert.equal(storageType, 's3');
    const headers = { 'content-type': TEXT, 'content-encoding': 'identity-ish' };
    assert.equal((await fetch(putUrl, { method: 'PUT', body: 'hello', headers })).status, 200);
    const anonymous = deployment.anonymousQueue();
    const answer = await anonymous.getArtifact(taskId, 0, 'public/dir/a b%2Fc.txt');
    assert.equal(answer.storageType, 's3');
    const got = await fetch(answer.url ?? '');
    assert.equal(await got.text(), 'hello');
    assert.equal(got.headers.get('content-type'), TEXT);
    assert.equal(got.headers.get('content-encoding'), 'identity-ish');
    assert.equal(got.headers.get('content-length'), '5');
    assert.deepEqual(Object.keys(await anonymous.artifact(taskId, 0, 'public/dir/a b%2Fc.txt')), [
      'storageType',
      'url',
    ]);
  });

  it('redirects with 303, a body and the storage type, whether slashes in names are encoded or not', async () => {
    await create('public/logs/live.log', reference('https://example.com/log?x=1'));
    for (const path of ['/runs/0/artifacts/public/logs/live.log', '/artifacts/public%2Flogs%2Flive.log']) {
      const answer = await raw(path);
      assert.equal(answer.status, 303);
      assert.equal(answer.headers.get('location'), 'https://example.com/log?x=1');
      assert.equal(answer.headers.get('x-taskcluster-artifact-storage-type'), 'reference');
      assert.deepEqual(await answer.json(), { storageType: 'reference', url: 'https://example.com/log?x=1' });
    }
  });

  it('uses the latest run when no run is named', async () => {
    await create('public/x', reference('https://example.com/0'));
    await queue.reportException(taskId, 0, { reason: 'worker-shutdown' });
    assert.equal(await statusCodeOf(queue.getLatestArtifact(taskId, 'public/x')), 404);
    const { credentials } = await deployment.claim();
    const again = deployment.queue({ credentials });
    await again.createArtifact(taskId, 1, 'public/x', reference('https://example.com/1'));
    assert.equal((await queue.getLatestArtifact(taskId, 'public/x')).url, 'https://example.com/1');
    assert.equal((await queue.latestArtifact(taskId, 'public/x')).url, 'https://example.com/1');
    assert.equal((await queue.getArtifact(taskId, 0, 'public/x')).url, 'https://example.com/0');
    assert.equal((await queue.listLatestArtifacts(taskId)).artifacts.length, 1);
  });

  it('returns 404 for a missing artifact and 424 for an error artifact', async () => {
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 0, 'public/none')), 404);
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 7, 'public/none')), 404);
    assert.equal(await statusCodeOf(queue.getLatestArtifact(newSlugid(), 'public/none')), 404);
    await create('public/broken', error('there is no such file'));
    const answer = await raw('/artifacts/public/broken');
    assert.equal(answer.status, 424);
    const expected = { reason: 'file-missing-on-worker', message: 'there is no such file' };
    assert.deepEqual(await answer.json(), expected);
    assert.deepEqual(await queue.artifact(taskId, 0, 'public/broken'), { storageType: 'error', ...expected });
  });

  it('follows links, and requires the scopes for each name on the way', async () => {
    await create('public/a', link('public/b'));
    await create('public/b', link('public/c'));
    await create('public/c', reference('https://example.com/c'));
    await create('public/leak', link('private/secret'));
    await create('private/secret', reference('https://example.com/secret'));
    const anonymous = deployment.anonymousQueue();
    assert.equal((await anonymous.getArtifact(taskId, 0, 'public/a')).url, 'https://example.com/c');
    const refusal = await refusalOf(anonymous.getArtifact(taskId, 0, 'public/leak'));
    assert.equal(refusal.statusCode, 403);
    assert.match(refusal.message, /queue:get-artifact:private\/secret/);
    assert.equal((await deployment.queue().getArtifact(taskId, 0, 'public/leak')).url, 'https://example.com/secret');
  });

  it('refuses circular links', async () => {
    await create('public/a', link('public/b'));
    await create('public/b', link('public/a'));
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 0, 'public/a')), 400);
  });

  it('describes artifacts without following links', async () => {
    await create('public/a', link('public/b'));
    const info = await queue.artifactInfo(taskId, 0, 'public/a');
    assert.deepEqual([info.storageType, info.name, info.contentType], ['link', 'public/a', 'application/binary']);
    assert.deepEqual(await queue.latestArtifactInfo(taskId, 'public/a'), info);
    assert.equal(await statusCodeOf(queue.artifactInfo(taskId, 0, 'public/b')), 404);
  });

  it('lists artifacts by name, in pages', async () => {
    for (const name of ['public/c', 'public/a', 'public/b']) await create(name, error(name));
    const first = await queue.listArtifacts(taskId, 0, { limit: 2 });
    assert.deepEqual(
      first.artifacts.map(({ name }) => name),
      ['public/a', 'public/b'],
    );
    const { continuationToken = '' } = first;
    const second = await queue.listArtifacts(taskId, 0, { limit: 2, continuationToken });
    assert.deepEqual(
      second.artifacts.map(({ name }) => name),
      ['public/c'],
    );
    assert.equal(second.continuationToken, undefined);
    assert.equal(await statusCodeOf(queue.listArtifacts(taskId, 0, { limit: 'many' })), 400);
    assert.equal(await statusCodeOf(queue.listArtifacts(taskId, 1)), 404);
    assert.equal((await raw('/artifacts?order=desc')).status, 400);
  });

  it('refuses names with control characters or beyond ASCII', async () => {
    for (const name of ['public/a\nb', 'public/\x7f', 'public/ü', 'public/\u0000']) {
      assert.equal(await statusCodeOf(create(name, s3())), 400, JSON.stringify(name));
    }
  });

  it('refuses unknown properties, types and reasons', async () => {
    assert.match((await refusalOf(create('public/x', { ...s3(), url: 'https://example.com/' }))).message, /url/);
    assert.equal(await statusCodeOf(create('public/x', { ...s3(), storageType: 'azure' })), 400);
    assert.equal(await statusCodeOf(create('public/x', { expires: soon() })), 400);
    assert.equal(await statusCodeOf(create('public/x', { ...error('x'), reason: 'too-lazy' })), 400);
    assert.equal(await statusCodeOf(create('public/x', { storageType: 's3', expires: soon() })), 400);
    assert.equal(await statusCodeOf(create('public/x', reference('not an address'))), 400);
  });

  it('refuses artifacts that expire in the past or after their task', async () => {
    assert.equal(await statusCodeOf(create('public/x', s3(soon(-16)))), 400);
    assert.equal(await statusCodeOf(create('public/x', s3(soon(25 * 60)))), 400);
  });

  it('refuses artifacts of runs that were never claimed', async () => {
    const pending = await deployment.createTask();
    assert.equal(await statusCodeOf(deployment.queue().createArtifact(pending, 0, 'public/x', s3())), 400);
    assert.equal(await statusCodeOf(deployment.queue().createArtifact(taskId, 5, 'public/x', s3())), 400);
  });

  it('lets an artifact be created again with the same content type and no earlier expiry', async () => {
    await create('public/x', s3(soon(10)));
    await create('public/x', s3(soon(20)));
    assert.equal(await statusCodeOf(create('public/x', s3(soon(10)))), 409);
    assert.equal(await statusCodeOf(create('public/x', { ...s3(soon(30)), contentType: 'text/html' })), 409);
  });

  it('lets a reference change its URL and become a link, and refuses other changes of type', async () => {
    await create('public/log', reference('https://example.com/1'));
    await create('public/log', reference('https://example.com/2', soon(40)));
    assert.equal((await queue.getArtifact(taskId, 0, 'public/log')).url, 'https://example.com/2');
    assert.equal(await statusCodeOf(create('public/log', s3(soon(50)))), 409);
    assert.equal(await statusCodeOf(create('public/log', error('x', soon(50)))), 409);
    await create('public/log', link('public/log_backing', soon(50)));
    const { storageType, contentType } = await queue.artifactInfo(taskId, 0, 'public/log');
    assert.deepEqual([storageType, contentType], ['link', TEXT]);
    assert.equal(await statusCodeOf(create('public/log', s3(soon(60)))), 409);
    assert.equal(await statusCodeOf(create('public/log', error('x', soon(60)))), 409);
    assert.equal(await statusCodeOf(create('public/log', link('public/elsewhere', soon(60)))), 409);
    await create('public/e', error('one'));
    assert.equal(await statusCodeOf(create('public/e', error('two', soon(60)))), 409);
  });
});

describe('the object storage of the local Taskcluster', () => {
  let dataDir = '';
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'object-storage-test-'));
  });
  after(() => rm(dataDir, { recursive: true }));
  const deployment = new Deployment(() => ({ dataDir }));

  const newUpload = async (): Promise<{ putUrl: string; getUrl: () => Promise<string> }> => {
    const { taskId, queue } = await deployment.runTask();
    const { putUrl = '' } = await queue.createArtifact(taskId, 0, 'public/x', s3());
    return { putUrl, getUrl: async () => (await queue.getArtifact(taskId, 0, 'public/x')).url ?? '' };
  };

  /** Uploads `bytes`; hangs up after them if the declared content length is larger. */
  const put = async (url: string, bytes: Buffer, headers: Record<string, string | number>): Promise<number> => {
    const upload = request(url, { method: 'PUT', headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) =>
      upload.on('response', resolve).on('error', reject),
    );
    await new Promise<void>((sent) =>
      upload.write(bytes, () => {
        sent();
      }),
    );
    const length = Number(headers['content-length'] ?? bytes.length);
    if (length > bytes.length) {
      upload.destroy();
      await assert.rejects(answered);
      return 0;
    }
    upload.end();
    const answer = await answered;
    answer.resume();
    return answer.statusCode ?? 0;
  };

  it('returns 404 before the first upload', async () => {
    const { getUrl } = await newUpload();
    const answer = await fetch(await getUrl());
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /NoSuchKey/);
  });

  it('stores large binary content unchanged', async () => {
    const { putUrl, getUrl } = await newUpload();
    const bytes = randomBytes(30 * 1024 * 1024);
    assert.equal(await put(putUrl, bytes, { 'content-length': bytes.length }), 200);
    const got = Buffer.from(await (await fetch(await getUrl())).arrayBuffer());
    const hash = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
    assert.equal(hash(got), hash(bytes));
  });

  it('accepts an empty object', async () => {
    const { putUrl, getUrl } = await newUpload();
    assert.equal(await put(putUrl, Buffer.alloc(0), { 'content-length': 0 }), 200);
    const answer = await fetch(await getUrl());
    assert.deepEqual([answer.status, await answer.text()], [200, '']);
  });

  it('serves the latest upload', async () => {
    const { putUrl, getUrl } = await newUpload();
    await fetch(putUrl, { method: 'PUT', body: 'one' });
    await fetch(putUrl, { method: 'PUT', body: 'two' });
    assert.equal(await (await fetch(await getUrl())).text(), 'two');
  });

  it('returns 411 for an upload without a content length', async () => {
    const { putUrl, getUrl } = await newUpload();
    assert.equal(await put(putUrl, Buffer.from('hello'), { 'transfer-encoding': 'chunked' }), 411);
    assert.equal((await fetch(await getUrl())).status, 404);
  });

  it('keeps the previous content when an upload breaks off', async () => {
    const { putUrl, getUrl } = await newUpload();
    await put(putUrl, randomBytes(1000), { 'content-length': 2000 });
    assert.equal((await fetch(await getUrl())).status, 404);
    await fetch(putUrl, { method: 'PUT', body: 'complete' });
    await put(putUrl, randomBytes(1000), { 'content-length': 2000 });
    assert.equal(await (await fetch(await getUrl())).text(), 'complete');
  });

  it('leaves no partial files behind when it is closed', async () => {
    await deployment.server.close();
    const partial = (await readdir(join(dataDir, 'objects'))).filter((name) => name.endsWith('.partial'));
    assert.deepEqual(partial, []);
  });

  it('refuses signed URLs that were changed, or are used with another method', async () => {
    const { putUrl, getUrl } = await newUpload();
    const signed = await getUrl();
    const status = async (url: string, method: string): Promise<number> =>
      (await fetch(url, method === 'PUT' ? { method, body: 'x' } : { method })).status;
    assert.equal(await status(signed, 'PUT'), 403);
    assert.equal(await status(putUrl, 'GET'), 403);
    assert.equal(await status(putUrl.replace('/public/x', '/public/y'), 'PUT'), 403);
    assert.equal(await status(putUrl.replace(/expires=\d/, 'expires=9'), 'PUT'), 403);
    assert.equal(await status(putUrl.replace(/signature=.*/, 'signature='), 'PUT'), 403);
    assert.equal(await status(putUrl.replace(/\?.*/, ''), 'PUT'), 403);
  });

  it('serves ranges, so that a download can be resumed', async () => {
    const { putUrl, getUrl } = await newUpload();
    await fetch(putUrl, { method: 'PUT', body: '0123456789' });
    const url = await getUrl();
    const get = (headers: Record<string, string>): Promise<Response> => fetch(url, { headers });
    const etag = (await get({})).headers.get('etag') ?? '';
    const rest = await get({ range: 'bytes=4-', 'if-range': etag });
    assert.equal(rest.status, 206);
    assert.equal(rest.headers.get('content-range'), 'bytes 4-9/10');
    assert.equal(rest.headers.get('content-length'), '6');
    assert.equal(await rest.text(), '456789');
    const changed = await get({ range: 'bytes=4-', 'if-range': '"another version"' });
    assert.deepEqual([changed.status, await changed.text()], [200, '0123456789']);
    const beyond = await get({ range: 'bytes=10-' });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */10']);
    assert.equal((await get({ 'if-none-match': etag })).status, 304);
  });

  it('answers HEAD like GET without a body', async () => {
    const { putUrl, getUrl } = await newUpload();
    await fetch(putUrl, { method: 'PUT', body: '0123456789', headers: { 'content-type': TEXT } });
    const head = await fetch(await getUrl(), { method: 'HEAD' });
    assert.deepEqual(
      [head.status, head.headers.get('content-length'), head.headers.get('content-type'), await head.text()],
      [200, '10', TEXT, ''],
    );
  });
});
