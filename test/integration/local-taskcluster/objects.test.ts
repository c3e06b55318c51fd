import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { nice as newSlugid } from 'slugid';
import { Deployment, ManualClock, refusalOf, statusCodeOf } from './deployment.js';

const TEXT = 'text/plain';
const soon = (minutes = 30): string => new Date(Date.now() + minutes * 60_000).toJSON();
const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

describe('the object service of the local Taskcluster', () => {
  const deployment = new Deployment();
  const own = { projectId: 'some/project', uploadId: newSlugid(), expires: soon() };
  const { expires, ...owner } = own;
  const hello = { contentType: TEXT, objectData: Buffer.from('hello').toString('base64') };
  const inline = { ...own, proposedUploadMethods: { dataInline: hello } };

  const putHello = async (headers: Record<string, string> = {}, body: Buffer | string = 'hello'): Promise<Response> => {
    const putUrl = { contentType: TEXT, contentLength: body.length };
    const { uploadMethod } = await deployment.object().createUpload('a/b', {
      ...own,
      proposedUploadMethods: { putUrl },
    });
    const answer = uploadMethod.putUrl;
    assert.deepEqual(answer?.headers, { 'content-type': TEXT, 'content-length': String(body.length) });
    return fetch(answer.url, { method: 'PUT', body, headers: { ...answer.headers, ...headers } });
  };
  const get = async (): Promise<Response> => {
    const { url } = await deployment.object().startDownload('a/b', { acceptDownloadMethods: { getUrl: true } });
    return fetch(url);
  };

  it('accepts small content inline, and shows the object once it is finished', async () => {
    const object = deployment.object();
    const { uploadMethod, ...rest } = await object.createUpload('a/b', inline);
    assert.deepEqual([uploadMethod, rest], [{ dataInline: true }, own]);
    assert.equal(await statusCodeOf(object.object('a/b')), 404);
    assert.equal(
      await statusCodeOf(object.startDownload('a/b', { acceptDownloadMethods: { simple: true } })),
      404,
      'unfinished',
    );
    const hashes = { sha256: sha256('hello') };
    await object.finishUpload('a/b', { ...owner, hashes });
    assert.deepEqual(await object.object('a/b'), { projectId: own.projectId, expires, hashes });
    const answer = await get();
    assert.deepEqual([await answer.text(), answer.headers.get('content-type')], ['hello', TEXT]);
  });

  it('returns a URL for a PUT, which accepts only the declared content type', async () => {
    assert.equal((await putHello({ 'content-type': 'text/html' })).status, 403);
    assert.equal((await putHello()).status, 200);
    await deployment.object().finishUpload('a/b', { ...owner, hashes: { sha256: sha256('hello') } });
    assert.equal(await (await get()).text(), 'hello');
  });

  it('chooses no method when none is proposed, but reserves the object', async () => {
    const object = deployment.object();
    const { uploadMethod } = await object.createUpload('a/b', { ...own, proposedUploadMethods: {} });
    assert.deepEqual(uploadMethod, {});
    assert.equal(await statusCodeOf(object.createUpload('a/b', { ...inline, uploadId: newSlugid() })), 409);
    assert.equal(await statusCodeOf(object.createUpload('a/b', { ...inline, projectId: 'another' })), 409);
    assert.equal(await statusCodeOf(object.createUpload('a/b', { ...inline, expires: soon(60) })), 409);
    assert.equal(await statusCodeOf(object.finishUpload('a/b', owner)), 400, 'nothing was uploaded');
    await object.createUpload('a/b', inline);
    assert.equal(await statusCodeOf(object.finishUpload('a/b', { ...owner, uploadId: newSlugid() })), 409);
    assert.equal(await statusCodeOf(object.finishUpload('a/b', { ...owner, projectId: 'another' })), 400);
    await object.finishUpload('a/b', owner);
    assert.equal(await statusCodeOf(object.createUpload('a/b', inline)), 409, 'a finished object never changes');
  });

  it('refuses to finish an upload whose content has other hashes', async () => {
    const object = deployment.object();
    await object.createUpload('a/b', inline);
    const refusal = await refusalOf(object.finishUpload('a/b', { ...owner, hashes: { sha256: sha256('other') } }));
    assert.equal(refusal.statusCode, 400);
    assert.match(refusal.message, new RegExp(sha256('hello')));
    assert.equal(await statusCodeOf(object.object('a/b')), 404);
  });

  it('keeps the hashes that were given first, and adds none after the upload is finished', async () => {
    const object = deployment.object();
    await object.createUpload('a/b', { ...inline, hashes: { sha256: sha256('hello') } });
    const finish = (hashes: Record<string, string>) => object.finishUpload('a/b', { ...owner, hashes });
    assert.equal(await statusCodeOf(finish({ sha256: sha256('other') })), 409);
    await finish({ 'sha3-256': 'unknown algorithms are ignored' });
    await finish({});
    await finish({ sha256: sha256('hello') });
    assert.equal(await statusCodeOf(finish({ sha256: sha256('other') })), 409);
    const sha512 = createHash('sha512').update('hello').digest('hex');
    assert.equal(await statusCodeOf(finish({ sha512 })), 409);
    assert.deepEqual((await object.object('a/b')).hashes, { sha256: sha256('hello') });
  });

  it('compares hashes with the decoded content of a gzip upload', async () => {
    const gzipped = gzipSync('hello');
    assert.equal((await putHello({ 'content-encoding': 'gzip' }, gzipped)).status, 200);
    const object = deployment.object();
    assert.equal(
      await statusCodeOf(object.finishUpload('a/b', { ...owner, hashes: { sha256: sha256(gzipped) } })),
      400,
    );
    await object.finishUpload('a/b', { ...owner, hashes: { sha256: sha256('hello') } });
    const answer = await get();
    assert.deepEqual([answer.headers.get('content-encoding'), await answer.text()], ['gzip', 'hello']);
  });

  it('refuses to finish an upload that is declared as gzip but is not', async () => {
    await putHello({ 'content-encoding': 'gzip' });
    const object = deployment.object();
    const refusal = await refusalOf(object.finishUpload('a/b', { ...owner, hashes: { sha256: sha256('hello') } }));
    assert.equal(refusal.statusCode, 400);
    assert.match(refusal.message, /gzip/);
  });

  it('offers the download methods getUrl and simple, and returns 406 for others', async () => {
    const object = deployment.object();
    await object.createUpload('a/b', inline);
    await object.finishUpload('a/b', { ...owner, hashes: { sha256: sha256('hello') } });
    const start = (acceptDownloadMethods: object) => object.startDownload('a/b', { acceptDownloadMethods });
    const best = await start({ simple: true, getUrl: true });
    assert.deepEqual([best.method, best.hashes], ['getUrl', { sha256: sha256('hello') }]);
    assert.ok(Date.parse(best.expires ?? '') > Date.now());
    const simple = await start({ simple: true });
    assert.deepEqual(Object.keys(simple), ['method', 'url']);
    assert.equal(await (await fetch(simple.url)).text(), 'hello');
    assert.deepEqual([await statusCodeOf(start({})), (await refusalOf(start({}))).code], [406, 'NoMatchingMethod']);
  });

  it('redirects simple clients to the content', async () => {
    const object = deployment.object();
    await object.createUpload('a/b', inline);
    assert.equal(await statusCodeOf(object.download('a/b')), 404);
    await object.finishUpload('a/b', owner);
    const url = object.buildSignedUrl(object.download, 'a/b');
    const answer = await fetch(url, { redirect: 'manual' });
    assert.deepEqual([answer.status, await answer.text()], [303, '']);
    assert.equal(await (await fetch(url)).text(), 'hello');
  });

  it('requires the scopes for the object and its project', async () => {
    const scopes = ['object:upload:some/project:a/*', 'object:download:b/*'];
    deployment.server.addClient({ clientId: 'narrow', accessToken: 'secret', scopes });
    const object = deployment.object({ credentials: { clientId: 'narrow', accessToken: 'secret' } });
    await object.createUpload('a/b', inline);
    assert.equal(await statusCodeOf(object.createUpload('b/b', inline)), 403);
    assert.equal(await statusCodeOf(object.createUpload('a/c', { ...inline, projectId: 'another' })), 403);
    await object.finishUpload('a/b', owner);
    assert.equal(await statusCodeOf(object.finishUpload('b/b', owner)), 403);
    assert.equal(await statusCodeOf(object.startDownload('a/b', { acceptDownloadMethods: { simple: true } })), 403);
    assert.equal(await statusCodeOf(object.object('a/b')), 403);
    assert.equal(await statusCodeOf(object.download('a/b')), 403);
    assert.equal(await statusCodeOf(object.object('b/b')), 404);
  });

  it('refuses unknown properties and methods', async () => {
    const object = deployment.object();
    const create = (changes: object) => statusCodeOf(object.createUpload('a/b', { ...inline, ...changes }));
    assert.equal(await create({ bogus: 1 }), 400);
    assert.equal(await create({ proposedUploadMethods: { carrierPigeon: {} } }), 400);
    assert.equal(await create({ uploadId: 'not a slugid' }), 400);
    assert.equal(await create({ hashes: { sha256: 'short' } }), 400);
    const start = object.startDownload('a/b', { acceptDownloadMethods: { getUrl: false } });
    assert.equal(await statusCodeOf(start), 400);
  });
});

describe('time in the object service of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => ({ now: (clock = new ManualClock()).now }));

  it('frees a name when its object expires, or its upload is not finished within a day', async () => {
    const object = deployment.object();
    const create = (uploadId: string, proposedUploadMethods = {}) => {
      const expires = new Date(clock.now().getTime() + 48 * 3_600_000).toJSON();
      return object.createUpload('x', { projectId: 'p', uploadId, expires, proposedUploadMethods });
    };
    const dataInline = { contentType: TEXT, objectData: '' };
    const [first, second, third] = [newSlugid(), newSlugid(), newSlugid()];
    await create(first, { dataInline });
    clock.advance(25 * 60);
    assert.equal(await statusCodeOf(object.finishUpload('x', { projectId: 'p', uploadId: first })), 404);
    await create(second);
    const finish = object.finishUpload('x', { projectId: 'p', uploadId: second });
    assert.equal(await statusCodeOf(finish), 400, 'what was uploaded before does not count');
    await create(second, { dataInline });
    await object.finishUpload('x', { projectId: 'p', uploadId: second });
    clock.advance(47 * 60);
    await object.object('x');
    clock.advance(2 * 60);
    assert.equal(await statusCodeOf(object.object('x')), 404);
    await create(third);
  });
});
