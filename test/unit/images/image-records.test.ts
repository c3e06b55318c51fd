import { strict as assert } from 'node:assert';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { ImageBench } from '../../fakes/image-bench.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { TestSource } from '../../fakes/test-source.js';

const IMAGE = { id: 'sha256:1', entrypoint: [], command: [] };
const HASH = `sha256:${'a'.repeat(64)}`;

describe('the record of images', () => {
  let engine: FakeDockerEngine;
  let bench: ImageBench;
  const { signal } = new AbortController();
  const file = (): string => join(bench.stateDir, 'images.json');

  beforeEach(async () => {
    engine = new FakeDockerEngine();
    bench = await ImageBench.open(engine);
  });
  afterEach(() => bench.close());

  const acquire = async (source: TestSource) => {
    void source.begun.then(() => {
      source.succeed({ artifactHash: HASH });
    });
    return await bench.cache.acquire(source, new MemoryOutput(), signal);
  };
  const artifact = (): TestSource => new TestSource('artifact:latest', engine, IMAGE, true);

  /** Starts a new worker, as after a kill: the old one is not closed. */
  const restart = async (): Promise<void> => {
    bench = await ImageBench.open(engine, {}, bench.stateDir);
  };

  it('survives a worker that is killed right after a fetch', async () => {
    assert.equal((await acquire(artifact())).artifactHash, HASH);
    await restart();
    const again = artifact();
    assert.equal((await acquire(again)).artifactHash, HASH);
    assert.equal(again.fetches, 0);
    bench.nowMs += 2000;
    await restart();
    bench.nowMs += 2000;
    assert.deepEqual(await bench.collect(), ['artifact:latest']);
  });

  it('is readable by its owner only', async () => {
    await acquire(artifact());
    assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('applies only to the image that the engine has under the name', async () => {
    await acquire(artifact());
    engine.images.set('artifact:latest', { ...IMAGE, id: 'sha256:2' });
    const again = artifact();
    assert.equal((await acquire(again)).artifactHash, HASH);
    assert.equal(again.fetches, 1);
  });

  it('is required for an artifact’s image: one without a record is fetched', async () => {
    engine.images.set('artifact:latest', IMAGE);
    const source = artifact();
    assert.equal((await acquire(source)).artifactHash, HASH);
    assert.equal(source.fetches, 1);
  });

  it('contains the last use, which no task waits for, after it is closed', async () => {
    engine.images.set('here:latest', IMAGE);
    const lease = await acquire(new TestSource('here:latest', engine, IMAGE));
    await assert.rejects(stat(file()), { code: 'ENOENT' });
    bench.nowMs += 5000;
    await lease.dispose();
    await bench.imageRecords.flush();
    const { images } = JSON.parse(await readFile(file(), 'utf8')) as { images: unknown };
    const lastUsedAt = new Date(bench.nowMs).toISOString();
    assert.deepEqual(images, [{ localName: 'here:latest', imageId: IMAGE.id, wasFetched: false, lastUsedAt }]);
  });

  const unreadable: Readonly<Record<string, string>> = {
    'is not JSON': '{"images": [',
    'lacks a key': '{"images": [{"localName": "a", "imageId": "b"}]}',
    'has an invalid hash': JSON.stringify({
      images: [
        { localName: 'a', imageId: 'b', lastUsedAt: new Date().toISOString(), wasFetched: true, artifactHash: 'x' },
      ],
    }),
    'has another type': '[]',
  };
  for (const [what, text] of Object.entries(unreadable)) {
    it(`starts empty if the file ${what}, which the operator is told`, async () => {
      await writeFile(file(), text);
      await restart();
      const [told] = bench.log.of('image state not readable');
      assert.equal(told?.fields['path'], file());
      assert.deepEqual(bench.imageRecords.leastRecentlyUsed, []);
      await acquire(artifact());
      await restart();
      assert.deepEqual(bench.log.events, []);
      assert.equal(bench.imageRecords.leastRecentlyUsed.length, 1);
    });
  }

  it('does not block a task if it can’t be written, and is written later', async () => {
    await mkdir(file());
    await acquire(artifact());
    assert.equal(bench.log.of('image state not written').length, 1);
    await rm(file(), { recursive: true });
    await bench.imageRecords.flush();
    assert.match(await readFile(file(), 'utf8'), /artifact:latest/);
  });
});
