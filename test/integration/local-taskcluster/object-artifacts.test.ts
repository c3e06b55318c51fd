import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { nice as newSlugid } from 'slugid';
import { downloadArtifact, upload } from 'taskcluster-client';
import type { CreatedArtifact, Queue } from 'taskcluster-client';
import { Deployment, statusCodeOf } from './deployment.js';

const TEXT = 'text/plain';
const soon = (minutes = 30): string => new Date(Date.now() + minutes * 60_000).toJSON();

describe('artifacts of the type object', () => {
  const deployment = new Deployment();
  const NAME = 'public/dir/a b%2Fc.txt';
  let taskId = '';
  let queue: Queue;

  beforeEach(async () => {
    ({ taskId, queue } = await deployment.runTask({ projectId: 'some-project' }));
  });

  const create = (name = NAME, expires = soon(), contentType = TEXT): Promise<CreatedArtifact> =>
    queue.createArtifact(taskId, 0, name, { storageType: 'object', contentType, expires });

  const uploadTo = async (artifact: CreatedArtifact, content: Buffer): Promise<void> => {
    const { name = '', projectId = '', uploadId = '', expires = '' } = artifact;
    await upload({
      ...{ name, projectId, uploadId, expires },
      contentType: TEXT,
      contentLength: content.length,
      object: deployment.object(artifact.credentials ? { credentials: artifact.credentials } : {}),
      streamFactory: () => Promise.resolve(Readable.from([content])),
      retries: 0,
    });
  };

  const publish = async (content: Buffer): Promise<CreatedArtifact> => {
    const artifact = await create();
    await uploadTo(artifact, content);
    await queue.finishArtifact(taskId, 0, NAME, { uploadId: artifact.uploadId ?? '' });
    return artifact;
  };

  const downloaded = async (from: Queue): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    const sink = (): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          chunks.push(chunk);
          done();
        },
      });
    const streamFactory = () => Promise.resolve(sink());
    await downloadArtifact({
      taskId,
      runId: 0,
      name: NAME,
      queue: from,
      streamFactory,
      retries: 0,
    });
    return Buffer.concat(chunks);
  };

  for (const [way, size] of Object.entries({ inline: 100, 'to a URL': 100_000 })) {
    it(`are uploaded ${way} and downloaded by the client library`, async () => {
      const content = randomBytes(size);
      await publish(content);
      assert.ok((await downloaded(deployment.anonymousQueue())).equals(content));
    });
  }

  it('give the uploader a name, and credentials for that one object', async () => {
    const expires = soon();
    const { credentials, uploadId, ...rest } = await create(NAME, expires);
    const name = `t/${taskId}/0/${NAME}`;
    assert.deepEqual(rest, { storageType: 'object', name, projectId: 'some-project', expires });
    assert.match(uploadId ?? '', /^[\w-]{22}$/);
    const certificate = JSON.parse(credentials?.certificate ?? '') as { scopes: string[]; expiry: number };
    assert.deepEqual(certificate.scopes, [`object:upload:some-project:${name}`]);
    assert.equal(certificate.expiry, Date.parse(expires), 'no longer than the artifact');
  });

  it('are not visible before they are finished', async () => {
    const artifact = await create();
    const finish = () => queue.finishArtifact(taskId, 0, NAME, { uploadId: artifact.uploadId ?? '' });
    assert.equal(await statusCodeOf(finish()), 400, 'nothing was uploaded');
    await uploadTo(artifact, Buffer.from('hello'));
    assert.equal(await statusCodeOf(queue.getArtifact(taskId, 0, NAME)), 404);
    assert.equal(await statusCodeOf(queue.artifact(taskId, 0, NAME)), 404);
    assert.equal(await statusCodeOf(queue.artifactInfo(taskId, 0, NAME)), 404);
    assert.deepEqual((await queue.listArtifacts(taskId, 0)).artifacts, []);
    await finish();
    await finish();
    assert.equal((await queue.artifactInfo(taskId, 0, NAME)).storageType, 'object');
    assert.equal((await queue.listArtifacts(taskId, 0)).artifacts.length, 1);
  });

  it('redirect to the content with 303', async () => {
    await publish(Buffer.from('hello'));
    const anonymous = deployment.anonymousQueue();
    const url = anonymous.buildUrl(anonymous.getArtifact, taskId, 0, NAME);
    const answer = await fetch(url, { redirect: 'manual' });
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.get('x-taskcluster-artifact-storage-type'), 'object');
    assert.deepEqual(await answer.json(), { storageType: 'object', url: answer.headers.get('location') });
    const content = await fetch(url);
    assert.deepEqual([await content.text(), content.headers.get('content-type')], ['hello', TEXT]);
  });

  it('give readers credentials for that one object', async () => {
    await publish(Buffer.from('hello'));
    const content = await deployment.anonymousQueue().latestArtifact(taskId, NAME);
    const name = `t/${taskId}/0/${NAME}`;
    assert.deepEqual([content.storageType, content.name, content.url], ['object', name, undefined]);
    const { credentials } = content;
    assert.deepEqual((JSON.parse(credentials?.certificate ?? '') as { scopes: unknown }).scopes, [
      `object:download:${name}`,
    ]);
    const object = deployment.object(credentials ? { credentials } : {});
    assert.equal((await object.object(name)).hashes['sha256'], createHash('sha256').update('hello').digest('hex'));
    assert.equal(await statusCodeOf(object.object(`t/${taskId}/0/public/other`)), 403);
  });

  it('can be the target of a link', async () => {
    await publish(Buffer.from('hello'));
    await queue.createArtifact(taskId, 0, 'public/link', { storageType: 'link', artifact: NAME, expires: soon() });
    const { url = '' } = await queue.getArtifact(taskId, 0, 'public/link');
    assert.equal(await (await fetch(url)).text(), 'hello');
  });

  it('can be finished only by their creator, with the id of the upload', async () => {
    const artifact = await create();
    await uploadTo(artifact, Buffer.from('hello'));
    assert.equal(await statusCodeOf(queue.finishArtifact(taskId, 0, NAME, { uploadId: newSlugid() })), 400);
    const { uploadId = '' } = artifact;
    assert.equal(await statusCodeOf(queue.finishArtifact(taskId, 0, 'public/none', { uploadId })), 404);
    const anonymous = deployment.anonymousQueue();
    assert.equal(await statusCodeOf(anonymous.finishArtifact(taskId, 0, NAME, { uploadId })), 403);
    await queue.createArtifact(taskId, 0, 'public/s3', { storageType: 's3', contentType: TEXT, expires: soon() });
    assert.equal(await statusCodeOf(queue.finishArtifact(taskId, 0, 'public/s3', { uploadId })), 400);
  });

  it('may be created again while they are unfinished, as the same upload', async () => {
    const expires = soon();
    const first = await create(NAME, expires);
    const second = await create(NAME, expires);
    assert.equal(second.uploadId, first.uploadId);
    assert.equal(await statusCodeOf(create(NAME, soon(60))), 409);
    assert.equal(await statusCodeOf(create(NAME, expires, 'text/html')), 409);
    await uploadTo(second, Buffer.from('hello'));
    await queue.finishArtifact(taskId, 0, NAME, { uploadId: first.uploadId ?? '' });
    assert.equal(await statusCodeOf(create(NAME, expires)), 409);
  });
});
