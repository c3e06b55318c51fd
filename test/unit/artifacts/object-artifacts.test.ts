import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { ArtifactStoreError } from '../../../src/lib/queue/artifact-store-error.js';
import { resolutionName } from '../../../src/lib/outcome/resolution.js';
import { resolutionOf } from '../../../src/lib/outcome/resolution-of.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { outage } from '../../fakes/fake-queue.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const never = new AbortController().signal;
const NAME = 'public/a.txt';

describe('ArtifactStore with the object service', () => {
  let bench: ArtifactBench;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 4, storageType: 'object' });
  });
  afterEach(() => bench.stop());

  const artifact = { name: NAME, contentType: 'text/plain', contentEncoding: 'gzip', expires: EXPIRES } as const;
  const upload = (content: string) => bench.store.upload(artifact, Readable.from([content]), never);
  const stored = () => {
    const object = bench.queue.objects.get(NAME);
    return object && { ...object, content: object.content.toString() };
  };
  const calls = () => bench.queue.trace.events.map((event) => event.replace('queue.', ''));
  const failure = async (uploaded: Promise<void>): Promise<[string, string]> => {
    const error: unknown = await uploaded.then(
      () => assert.fail('the upload succeeded'),
      (reason: unknown) => reason,
    );
    return [resolutionName(resolutionOf(error)), (error as Error).message];
  };

  it('stores content uncompressed, because the service does not support compression', async () => {
    await upload('hello');
    assert.deepEqual(bench.queue.requestsFor(NAME), [
      { storageType: 'object', contentType: 'text/plain', contentLength: 5, expires: EXPIRES },
    ]);
    assert.deepEqual(stored(), { type: 'text/plain', content: 'hello', isFinished: true });
    assert.equal(bench.store.manifest.get(NAME)?.sha256, createHash('sha256').update('hello').digest('hex'));
    assert.equal(bench.objects.puts.length, 0);
  });

  it('sends kept files and large content from disk', async () => {
    const filePath = path.join(bench.tempDir, 'log');
    await writeFile(filePath, 'log');
    await bench.store.upload(artifact, { filePath, keep: true }, never);
    assert.equal(stored()?.content, 'log');
    await rm(filePath);
    await bench.store.upload(artifact, Readable.from(['x'.repeat(3_000_000)]), never);
    assert.equal(stored()?.content.length, 3_000_000);
  });

  it('resumes at the failed step', async () => {
    bench.queue.fail('createArtifact', outage());
    bench.queue.fail('uploadObject', new ArtifactStoreError('no answer'));
    bench.queue.fail('finishArtifact', outage());
    await upload('at last');
    assert.equal(stored()?.isFinished, true);
    assert.deepEqual(calls(), [
      'createArtifact',
      'createArtifact',
      'uploadObject',
      'uploadObject',
      'finishArtifact',
      'finishArtifact',
    ]);
  });

  it('requests a new upload if the credentials of the old one are refused', async () => {
    bench.queue.fail('uploadObject', new ArtifactStoreError('refused', 401));
    await upload('at last');
    assert.deepEqual(calls(), ['createArtifact', 'uploadObject', 'createArtifact', 'uploadObject', 'finishArtifact']);
  });

  it('treats a conflict as a success whose answer was lost, if the queue agrees', async () => {
    bench.queue.objects.set(NAME, { type: 'text/plain', content: Buffer.from('x'), isFinished: false });
    bench.queue.fail('uploadObject', new ArtifactStoreError('it is finished', 409));
    await upload('x');
    assert.equal(stored()?.isFinished, true);
    bench.queue.objects.clear();
    bench.queue.fail('uploadObject', new ArtifactStoreError('it is another', 409));
    assert.deepEqual(await failure(upload('x')), [
      'internal-error',
      'Artifact "public/a.txt" could not be uploaded: it is another',
    ]);
  });

  it('sends everything again if the queue says that it did not arrive', async () => {
    bench.queue.fail('finishArtifact', new ServiceError('taskcluster', 'the upload is not finished', 400));
    await upload('at last');
    assert.deepEqual(calls(), ['createArtifact', 'uploadObject', 'finishArtifact', 'uploadObject', 'finishArtifact']);
  });

  it('blames the author if the queue refuses the request, and the worker if the service fails', async () => {
    bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'expires must be before task.expires', 400));
    assert.equal((await failure(upload('x')))[0], 'failed');
    bench.queue.fail('uploadObject', new ArtifactStoreError('the object service answered 400', 400));
    assert.equal((await failure(upload('x')))[0], 'internal-error');
  });
});
