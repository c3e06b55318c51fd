import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ArtifactCache } from '../../../src/local-taskcluster/upstream/artifact-cache.js';

const HEAD = { contentType: 'text/plain', contentEncoding: undefined, size: undefined, etag: undefined };

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (const text of texts) yield Buffer.from(text);
}

async function* broken(text: string): AsyncGenerator<Buffer> {
  yield* chunks(text);
  throw new Error('the connection broke');
}

describe('the cache of an upstream', () => {
  let parent = '';
  let cache: ArtifactCache;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'artifact-cache-test-'));
    cache = await ArtifactCache.open(parent, 'me');
  });
  afterEach(() => rm(parent, { recursive: true }));

  const files = async (): Promise<readonly string[]> => {
    const [owner = ''] = await readdir(parent);
    return readdir(join(parent, owner));
  };

  it('has a content once all of it was read', async () => {
    assert.equal(await cache.find('a'), undefined);
    const text = await buffer(
      cache.keep('a', { ...HEAD, contentEncoding: 'gzip', etag: '"1"', size: 5 }, chunks('he', 'llo')),
    );
    assert.equal(String(text), 'hello');
    const found = await cache.find('a');
    assert.deepEqual(
      [found?.contentType, found?.contentEncoding, found?.size, found?.etag],
      ['text/plain', 'gzip', 5, '"1"'],
    );
    assert.equal(await readFile(found?.path ?? '', 'utf8'), 'hello');
    assert.equal(await cache.find('b'), undefined);
  });

  it('has an empty content', async () => {
    assert.equal((await buffer(cache.keep('a', HEAD, chunks()))).length, 0);
    assert.equal((await cache.find('a'))?.size, 0);
  });

  it('forgets a content that broke off, or that is shorter than announced', async () => {
    await assert.rejects(buffer(cache.keep('a', HEAD, broken('he'))), /the connection broke/);
    await assert.rejects(buffer(cache.keep('b', { ...HEAD, size: 3 }, chunks('he'))), /2 bytes of b came instead of 3/);
    await cache.idle();
    assert.deepEqual(await files(), []);
  });

  it('forgets a content whose reader went away', async () => {
    const kept = cache.keep('a', HEAD, chunks(...Array.from({ length: 50 }, () => 'x'.repeat(10_000))));
    for await (const chunk of kept) {
      assert.ok(chunk);
      break;
    }
    await cache.idle();
    assert.deepEqual(await files(), []);
  });

  it('shows nobody else what it has', async () => {
    await buffer(cache.keep('a', HEAD, chunks('hello')));
    assert.equal(await (await ArtifactCache.open(parent, 'you')).find('a'), undefined);
    assert.equal((await (await ArtifactCache.open(parent, 'me')).find('a'))?.size, 5);
  });

  it('has one content for several readers at once', async () => {
    const both = [1, 2].map(() => buffer(cache.keep('a', HEAD, chunks('he', 'llo'))));
    assert.deepEqual((await Promise.all(both)).map(String), ['hello', 'hello']);
    assert.equal((await files()).length, 2);
    assert.equal((await cache.find('a'))?.size, 5);
  });

  it('removes what a process left that was killed a day ago, not what others write now', async () => {
    const [owner = ''] = await readdir(parent);
    const [old, young] = ['old.partial', 'young.partial'].map((name) => join(parent, owner, name));
    for (const path of [old, young]) await writeFile(path ?? '', '');
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    await utimes(old ?? '', longAgo, longAgo);
    await ArtifactCache.open(parent, 'me');
    assert.deepEqual(await files(), ['young.partial']);
  });
});
