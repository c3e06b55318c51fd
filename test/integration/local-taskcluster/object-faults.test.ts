import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import got from 'got';
import type { Fault } from '../../../src/local-taskcluster/faults/fault.js';
import { Deployment } from './deployment.js';

const CONTENT = randomBytes(400_000);

describe('faults on the way to an object of the local Taskcluster', () => {
  const deployment = new Deployment();
  let putUrl = '';
  let getUrl = '';

  beforeEach(async () => {
    const { taskId, queue } = await deployment.runTask();
    const expires = new Date(Date.now() + 60_000).toJSON();
    const artifact = { storageType: 's3', contentType: 'application/octet-stream', expires };
    ({ putUrl = '' } = await queue.createArtifact(taskId, 0, 'public/x', artifact));
    ({ url: getUrl = '' } = await queue.getArtifact(taskId, 0, 'public/x'));
  });

  const inject = (method: 'PUT' | 'GET' | 'HEAD', fault: Fault) =>
    deployment.server.faults.add({ call: `objects.${method}`, where: { key: '*/public/x' }, fault });
  const options = { retry: { limit: 0 }, throwHttpErrors: false } as const;
  const put = () => got.put(putUrl, { ...options, body: CONTENT });
  const get = () => got(getUrl, { ...options, responseType: 'buffer' });
  const isStored = async () => {
    const { statusCode, body } = await get();
    if (statusCode === 200) assert.deepEqual(body, CONTENT);
    return statusCode === 200;
  };
  const lastSeen = (method: string) => {
    const { status, fault } = deployment.server.calls.list(`objects.${method}`).at(-1) ?? {};
    return { status, fault };
  };

  it('answer an upload with an error in XML, without effect', async () => {
    inject('PUT', { kind: 'status', status: 503 });
    const { statusCode, body, headers } = await put();
    assert.deepEqual([statusCode, headers['content-type']], [503, 'application/xml']);
    assert.match(body, /<Error><Code>SlowDown<\/Code>/);
    assert.equal(await isStored(), false);
    assert.equal((await put()).statusCode, 200);
    assert.equal(await isStored(), true);
  });

  it('reset an upload before anything is stored', async () => {
    inject('PUT', { kind: 'reset-before' });
    await assert.rejects(put(), /ECONNRESET|EPIPE/);
    assert.equal(await isStored(), false);
    assert.deepEqual(lastSeen('PUT'), { status: undefined, fault: 'reset-before' });
  });

  it('reset an upload once it is stored', async () => {
    inject('PUT', { kind: 'reset-after' });
    await assert.rejects(put(), { code: 'ECONNRESET' });
    assert.equal(await isStored(), true);
    assert.deepEqual(lastSeen('PUT'), { status: 200, fault: 'reset-after' });
  });

  it('reset an upload at half of its body, and store nothing', async () => {
    const rule = inject('PUT', { kind: 'reset-mid-body' });
    await assert.rejects(put(), /ECONNRESET|EPIPE/);
    await rule.hit();
    assert.equal(await isStored(), false);
  });

  it('leave an upload without an answer', async () => {
    const rule = inject('PUT', { kind: 'hang' });
    const upload = put();
    await rule.hit();
    upload.cancel();
    await assert.rejects(upload, { name: 'CancelError' });
    assert.equal(await isStored(), false);
  });

  it('answer an upload with garbage, after the effect or instead of it', async () => {
    inject('PUT', { kind: 'garbage', effect: false });
    inject('PUT', { kind: 'garbage' });
    const instead = await put();
    assert.deepEqual([instead.statusCode, instead.headers['content-type']], [200, 'text/html']);
    assert.equal(await isStored(), false);
    assert.match((await put()).body, /^<html>/);
    assert.equal(await isStored(), true);
  });

  it('delay an upload', async () => {
    const rule = inject('PUT', { kind: 'latency', ms: 1 });
    assert.equal((await put()).statusCode, 200);
    assert.equal(rule.hits, 1);
    assert.equal(await isStored(), true);
  });

  describe('that is stored', () => {
    beforeEach(async () => {
      await put();
    });

    it('answer a download with an error', async () => {
      inject('GET', { kind: 'status', status: 500 });
      const { statusCode, body } = await get();
      assert.equal(statusCode, 500);
      assert.match(body.toString(), /<Error><Code>InternalError<\/Code>/);
      assert.equal(await isStored(), true);
    });

    for (const kind of ['reset-before', 'reset-after'] as const) {
      it(`end a download by ${kind}`, async () => {
        inject('GET', { kind });
        await assert.rejects(get(), { code: 'ECONNRESET' });
        assert.equal(await isStored(), true);
      });
    }

    it('break a download off in the middle of its body', async () => {
      inject('GET', { kind: 'reset-mid-body' });
      const download = got.stream(getUrl, options);
      const chunks: Buffer[] = [];
      await assert.rejects(async () => {
        for await (const chunk of download) chunks.push(chunk as Buffer);
      }, /ECONNRESET|aborted/);
      assert.deepEqual(Buffer.concat(chunks), CONTENT.subarray(0, CONTENT.length / 2));
      assert.equal(await isStored(), true);
    });

    it('send garbage for a download', async () => {
      inject('GET', { kind: 'garbage' });
      const { statusCode, body, headers } = await get();
      assert.equal(statusCode, 200);
      assert.match(body.toString(), /^<html>/);
      assert.equal(headers.etag, undefined);
    });

    it('leave a download without an answer', async () => {
      const rule = inject('GET', { kind: 'hang', effect: true });
      const download = get();
      await rule.hit();
      download.cancel();
      await assert.rejects(download, { name: 'CancelError' });
    });

    it('slow down a download', async () => {
      const rule = inject('GET', { kind: 'slow', bytes: 50_000, ms: 1 });
      assert.equal(await isStored(), true);
      assert.equal(rule.hits, 1);
    });

    it('distinguish HEAD from GET', async () => {
      inject('HEAD', { kind: 'status', status: 503 });
      assert.equal(await isStored(), true);
      const head = await got.head(getUrl.replace('GET', 'HEAD'), options);
      assert.equal(head.statusCode, 503);
    });
  });
});
