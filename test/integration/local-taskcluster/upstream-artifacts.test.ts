import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import got from 'got';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import type { UpstreamOptions } from '../../../src/local-taskcluster/server.js';
import { Deployment, refusalOf, statusCodeOf } from './deployment.js';

const CLIENT = { clientId: 'me', accessToken: 'a-long-access-token' };
const BODY = 'one two three four';

describe('artifacts of an upstream', () => {
  const upstream = new Deployment();
  let cacheDir = '';
  let taskId = '';
  let worker: Queue;
  const servers: LocalTaskcluster[] = [];

  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'local-taskcluster-test-'));
    ({ taskId, queue: worker } = await upstream.runTask());
    upstream.server.addClient({ ...CLIENT, scopes: ['queue:get-artifact:*', 'queue:status:*'] });
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
    await rm(cacheDir, { recursive: true });
  });

  const expires = (): string => new Date(Date.now() + 600_000).toJSON();
  const upload = async (name: string, body: string | Buffer = BODY, headers: Record<string, string> = {}) => {
    const s3 = { storageType: 's3', contentType: 'text/plain', expires: expires() };
    const { putUrl = '' } = await worker.createArtifact(taskId, 0, name, s3);
    await got.put(putUrl, { body, headers: { 'content-type': 'text/plain', ...headers } });
  };
  const start = async (options: Partial<UpstreamOptions> = {}): Promise<LocalTaskcluster> => {
    const server = await LocalTaskcluster.start({ upstream: { rootUrl: upstream.server.rootUrl, ...options } });
    servers.push(server);
    return server;
  };
  const queueOf = ({ rootUrl, credentials }: LocalTaskcluster): Queue =>
    new clients.Queue({ rootUrl, credentials, retries: 0 });
  const address = ({ rootUrl }: LocalTaskcluster, name: string): string =>
    `${rootUrl}/api/queue/v1/task/${taskId}/artifacts/${name}`;
  const asked = async (act: () => Promise<unknown>): Promise<readonly string[]> => {
    upstream.server.calls.clear();
    await act();
    return upstream.server.calls.list().map(({ call }) => call);
  };

  it('come through addresses of this server alone', async () => {
    await upload('public/x');
    const server = await start();
    const answer = await got(address(server, 'public/x'), { followRedirect: false });
    const { location = '' } = answer.headers;
    assert.equal(answer.statusCode, 303);
    assert.equal(answer.headers['x-taskcluster-artifact-storage-type'], 's3');
    assert.ok(location.startsWith(`${server.rootUrl}/objects/`));
    assert.deepEqual(JSON.parse(answer.body), { storageType: 's3', url: location });
    assert.equal(await got(location).text(), BODY);
    const queue = queueOf(server);
    for (const found of [
      await queue.getArtifact(taskId, 0, 'public/x'),
      await queue.getLatestArtifact(taskId, 'public/x'),
      await queue.artifact(taskId, 0, 'public/x'),
      await queue.latestArtifact(taskId, 'public/x'),
    ]) {
      assert.deepEqual(Object.keys(found), ['storageType', 'url']);
      assert.equal(await got(found.url ?? '').text(), BODY);
    }
  });

  it('come with their headers, whole or in part', async () => {
    await upload('public/x', gzipSync(BODY), { 'content-encoding': 'gzip' });
    const server = await start();
    const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'public/x');
    const whole = await got(url, { decompress: false, responseType: 'buffer' });
    assert.deepEqual(whole.body, gzipSync(BODY));
    const { 'content-encoding': encoding, 'content-type': type, 'content-length': length, etag = '' } = whole.headers;
    assert.deepEqual([encoding, type, length], ['gzip', 'text/plain', String(gzipSync(BODY).length)]);
    const range = { range: 'bytes=5-8', 'if-range': etag };
    const part = await got(url, { decompress: false, responseType: 'buffer', headers: range });
    assert.deepEqual([part.statusCode, part.body], [206, gzipSync(BODY).subarray(5, 9)]);
    const beyond = await got(url, { headers: { range: 'bytes=999-' }, throwHttpErrors: false });
    assert.equal(beyond.statusCode, 416);
    const head = await got.head(url, { decompress: false });
    assert.deepEqual([head.statusCode, head.headers['content-length']], [200, length]);
  });

  it('that were never made are not found', async () => {
    const queue = queueOf(await start());
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 0, 'public/x')), 404);
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 7, 'public/x')), 404);
    assert.match((await refusalOf(queue.latestArtifact(taskId, 'public/x'))).message, /has none either/);
  });

  it('that are errors or references stay so', async () => {
    const reason = { reason: 'file-missing-on-worker', message: 'there is no such file' };
    await worker.createArtifact(taskId, 0, 'public/broken', { storageType: 'error', ...reason, expires: expires() });
    const url = 'https://example.com/elsewhere';
    const reference = { storageType: 'reference', contentType: 'text/plain', url, expires: expires() };
    await worker.createArtifact(taskId, 0, 'public/reference', reference);
    const server = await start();
    const broken = await got(address(server, 'public/broken'), { throwHttpErrors: false });
    assert.deepEqual([broken.statusCode, JSON.parse(broken.body)], [424, reason]);
    const queue = queueOf(server);
    assert.deepEqual(await queue.artifact(taskId, 0, 'public/broken'), { storageType: 'error', ...reason });
    assert.deepEqual(await queue.artifact(taskId, 0, 'public/reference'), { storageType: 'reference', url });
    const { headers } = await got(address(server, 'public/reference'), { followRedirect: false });
    assert.equal(headers.location, url);
  });

  describe('that are private', () => {
    beforeEach(async () => {
      await upload('private/x');
      const link = { storageType: 'link', artifact: 'private/x', expires: expires() };
      await worker.createArtifact(taskId, 0, 'public/leak', link);
      await worker.reportCompleted(taskId, 0);
    });

    it('need credentials for the upstream and the scope here', async () => {
      const without = await refusalOf(queueOf(await start()).getArtifact(taskId, 0, 'private/x'));
      assert.equal(without.statusCode, 403);
      assert.match(without.message, /needs queue:get-artifact:private\/x, and no credentials are given/);
      const server = await start({ credentials: CLIENT });
      const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'private/x');
      assert.equal(await got(url).text(), BODY);
      const { rootUrl } = server;
      const anonymous = new clients.Queue({ rootUrl, credentials: {}, retries: 0 });
      assert.equal(await statusCodeOf(anonymous.getArtifact(taskId, 0, 'private/x')), 403);
    });

    it('can not be read through a link with a public name', async () => {
      const server = await start({ credentials: CLIENT });
      const anonymous = new clients.Queue({ rootUrl: server.rootUrl, credentials: {}, retries: 0 });
      assert.equal(await statusCodeOf(anonymous.getArtifact(taskId, 0, 'public/leak')), 403);
    });

    it('are not found in the cache without those credentials', async () => {
      const server = await start({ credentials: CLIENT, cacheDir });
      const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'private/x');
      await got(url);
      const other = queueOf(await start({ cacheDir }));
      assert.equal(await statusCodeOf(other.getArtifact(taskId, 0, 'private/x')), 403);
      assert.equal((await stat(join(cacheDir, (await readdir(cacheDir))[0] ?? ''))).mode & 0o777, 0o700);
    });
  });

  describe('with a cache', () => {
    const filesIn = async (directory: string): Promise<readonly string[]> => {
      const [owner = ''] = await readdir(directory);
      return readdir(join(directory, owner));
    };

    it('are read once, even by servers that start later, without a network', async () => {
      await upload('public/x', gzipSync(BODY), { 'content-encoding': 'gzip' });
      await worker.reportCompleted(taskId, 0);
      const server = await start({ cacheDir });
      const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'public/x');
      assert.equal(await got(url).text(), BODY);
      assert.deepEqual(
        await asked(async () => {
          assert.equal(await got(url).text(), BODY);
        }),
        [],
      );
      await upstream.server.close();
      const later = queueOf(await start({ cacheDir }));
      const { url: again = '' } = await later.getArtifact(taskId, 0, 'public/x');
      const answer = await got(again, { headers: { range: 'bytes=1-' }, decompress: false, responseType: 'buffer' });
      assert.deepEqual([answer.statusCode, answer.body], [206, gzipSync(BODY).subarray(1)]);
      assert.equal(answer.headers['content-encoding'], 'gzip');
    });

    it('are kept only once their run is resolved', async () => {
      await upload('public/x');
      const server = await start({ cacheDir });
      assert.equal(await got(address(server, 'public/x')).text(), BODY);
      assert.deepEqual(await filesIn(cacheDir), []);
      await worker.reportCompleted(taskId, 0);
      assert.equal(await got(address(server, 'public/x')).text(), BODY);
      assert.equal((await filesIn(cacheDir)).length, 2);
    });

    it('are kept only whole', async () => {
      await upload('public/x', 'x'.repeat(100_000));
      await worker.reportCompleted(taskId, 0);
      const server = await start({ cacheDir });
      const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'public/x');
      upstream.server.faults.add({ call: 'objects.GET', fault: { kind: 'reset-mid-body' } });
      await assert.rejects(got(url, { retry: { limit: 0 } }));
      await got(url, { headers: { range: 'bytes=0-9' } });
      await server.close();
      assert.deepEqual(await filesIn(cacheDir), []);
    });

    it('are read again when the copy is damaged', async () => {
      await upload('public/x');
      await worker.reportCompleted(taskId, 0);
      const server = await start({ cacheDir });
      assert.equal(await got(address(server, 'public/x')).text(), BODY);
      const [owner = ''] = await readdir(cacheDir);
      for (const name of await filesIn(cacheDir)) await writeFile(join(cacheDir, owner, name), '{}');
      assert.equal(await got(address(server, 'public/x')).text(), BODY);
    });
  });

  it('fail with the reason when their store does not answer', async () => {
    await upload('public/x');
    const server = await start();
    const { url = '' } = await queueOf(server).getArtifact(taskId, 0, 'public/x');
    upstream.server.faults.add({ call: 'objects.GET', fault: { kind: 'status', status: 503 }, times: Infinity });
    const answer = await got(url, { throwHttpErrors: false, retry: { limit: 0 } });
    assert.equal(answer.statusCode, 502);
    assert.match(answer.body, /<Message>Artifact public\/x of task .* can't be read from .*503/);
  });
});
