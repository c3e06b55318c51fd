import assert from 'node:assert/strict';
import { Deployment, refusalOf, statusCodeOf } from './deployment.js';

const soon = (): string => new Date(Date.now() + 30 * 60_000).toJSON();
const s3 = (contentLength?: number, expires = soon()) => ({
  storageType: 's3',
  contentType: 'text/plain',
  expires,
  ...(contentLength !== undefined && { contentLength }),
});

describe('the content length of an artifact in the local Taskcluster', () => {
  const deployment = new Deployment();

  it('is the first one that was declared, and absent when none was declared', async () => {
    const { taskId, queue } = await deployment.runTask();
    const lengthOf = async (name: string) => (await queue.artifactInfo(taskId, 0, name)).contentLength;
    const expires = soon();
    await queue.createArtifact(taskId, 0, 'public/x', s3(5, expires));
    await queue.createArtifact(taskId, 0, 'public/x', s3(6, expires));
    await queue.createArtifact(taskId, 0, 'public/x', s3(undefined, expires));
    assert.equal(await lengthOf('public/x'), 5);
    await queue.createArtifact(taskId, 0, 'public/empty', s3(0));
    assert.equal(await lengthOf('public/empty'), 0);
    await queue.createArtifact(taskId, 0, 'public/y', s3());
    assert.deepEqual(Object.keys(await queue.artifactInfo(taskId, 0, 'public/y')).sort(), [
      'contentType',
      'expires',
      'name',
      'storageType',
    ]);
  });

  for (const contentLength of [-1, 1.5, '5', null]) {
    it(`can't be ${JSON.stringify(contentLength)}`, async () => {
      const { taskId, queue } = await deployment.runTask();
      assert.equal(await statusCodeOf(queue.createArtifact(taskId, 0, 'public/x', { ...s3(), contentLength })), 400);
    });
  }

  it('is refused for a reference, a link or an error', async () => {
    const { taskId, queue } = await deployment.runTask();
    const rest = { expires: soon(), contentLength: 5 };
    for (const artifact of [
      { storageType: 'reference', contentType: 'text/plain', url: 'https://example.com/' },
      { storageType: 'link', artifact: 'public/y' },
      { storageType: 'error', reason: 'file-missing-on-worker', message: 'gone' },
    ]) {
      assert.equal(await statusCodeOf(queue.createArtifact(taskId, 0, 'public/x', { ...artifact, ...rest })), 400);
    }
  });
});

describe('a local Taskcluster that refuses content lengths', () => {
  const deployment = new Deployment(() => ({ artifactContentLength: 'refused' }));

  it('returns 400 and names the property, like an older queue', async () => {
    const { taskId, queue } = await deployment.runTask();
    const refusal = await refusalOf(queue.createArtifact(taskId, 0, 'public/x', s3(5)));
    assert.deepEqual([refusal.statusCode, refusal.code], [400, 'InputValidationError']);
    assert.match(refusal.message, /must NOT have additional properties: "contentLength"/);
    await queue.createArtifact(taskId, 0, 'public/x', s3());
  });
});
