import { strict as assert } from 'node:assert';
import type { ImageInfo } from '../../../src/lib/docker/engine.js';
import type { ImageCache } from '../../../src/lib/images/image-cache.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { settle } from '../../fakes/fake-clock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { ImageBench } from '../../fakes/image-bench.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { TestSource } from '../../fakes/test-source.js';

const IMAGE: ImageInfo = { id: 'sha256:1', entrypoint: [], command: [] };

describe('the cache of images', () => {
  let engine: FakeDockerEngine;
  let bench: ImageBench;
  let cache: ImageCache;
  let source: TestSource;
  const { signal } = new AbortController();
  const output = (): MemoryOutput => new MemoryOutput();

  beforeEach(async () => {
    engine = new FakeDockerEngine();
    bench = await ImageBench.open(engine, { parallelFetches: 1 });
    cache = bench.cache;
    source = sourceOf('wanted:latest');
  });
  afterEach(() => bench.close());

  const sourceOf = (name: string): TestSource => new TestSource(name, engine, IMAGE);

  it('calls the engine once for an image that is here', async () => {
    engine.images.set('wanted:latest', IMAGE);
    const lease = await cache.acquire(source, output(), signal);
    assert.equal(lease.image, IMAGE);
    assert.equal(source.fetches, 0);
    assert.deepEqual(engine.trace.events, ['engine.inspectImage']);
    assert.deepEqual(bench.metrics.counted, ['image true']);
  });

  it('fetches a missing image once for all tasks, which see the progress', async () => {
    const logs = Array.from({ length: 8 }, output);
    const leases = Promise.all(logs.map((log) => cache.acquire(source, log, signal)));
    await source.begun;
    source.progress?.line('half of it');
    const late = output();
    const lateLease = cache.acquire(source, late, signal);
    // Lets it join: the in-memory engine has answered by then.
    await settle();
    source.succeed({ artifactHash: 'sha256:a' });
    assert.deepEqual([...new Set((await leases).map(({ artifactHash }) => artifactHash))], ['sha256:a']);
    assert.equal((await lateLease).image, IMAGE);
    assert.equal(source.fetches, 1);
    for (const log of logs) assert.ok(log.lines.includes('half of it'));
    assert.deepEqual(late.lines, [
      'Another task is already fetching the image (image "wanted:latest"); waiting for it.',
      'half of it',
    ]);
  });

  it('continues a fetch for the others if the task that began it is stopped', async () => {
    const first = new AbortController();
    const stopped = cache.acquire(source, output(), first.signal);
    const other = cache.acquire(source, output(), signal);
    await source.begun;
    first.abort(new Error('canceled'));
    await assert.rejects(stopped, /canceled/);
    assert.equal(source.signal?.aborted, false);
    source.succeed({});
    assert.equal((await other).image, IMAGE);
  });

  it('aborts a fetch that no task waits for, and starts over for the next', async () => {
    const only = new AbortController();
    const stopped = cache.acquire(source, output(), only.signal);
    await source.begun;
    only.abort(new Error('canceled'));
    await assert.rejects(stopped, /canceled/);
    assert.equal(source.signal?.aborted, true);
    const next = sourceOf('wanted:latest');
    const lease = cache.acquire(next, output(), signal);
    await next.begun;
    next.succeed({});
    assert.equal((await lease).image, IMAGE);
    assert.deepEqual(bench.metrics.counted, ['fetch registry true', 'image false'], 'what was aborted is no failure');
  });

  it('reports a failure to all tasks, and retries for the next', async () => {
    const both = [1, 2].map(() => cache.acquire(source, output(), signal).catch((error: unknown) => error));
    await source.begun;
    const failure = TaskError.failed('no such image');
    source.fail(failure);
    assert.deepEqual(await Promise.all(both), [failure, failure]);
    const next = sourceOf('wanted:latest');
    const lease = cache.acquire(next, output(), signal);
    await next.begun;
    next.succeed({});
    await lease;
    assert.deepEqual(bench.metrics.counted, ['fetch registry false', 'fetch registry true', 'image false']);
  });

  it('limits parallel fetches, and reports waiting in the log', async () => {
    const other = sourceOf('other:latest');
    const waiting = output();
    const first = cache.acquire(source, output(), signal);
    await source.begun;
    const second = cache.acquire(other, waiting, signal);
    await settle();
    assert.equal(other.fetches, 0);
    assert.match(waiting.lines[0] ?? '', /^Waiting: /);
    source.succeed({});
    await first;
    await other.begun;
    other.succeed({});
    await second;
  });

  it('releases the slot of a fetch that waits for its next attempt', async () => {
    const stubborn = sourceOf('stubborn:latest');
    stubborn.fetch = async (_progress, inTurn) => {
      await inTurn(() => Promise.reject(new Error('not now'))).catch(() => undefined);
      await otherIsThere;
      return await inTurn(() => {
        engine.images.set('stubborn:latest', IMAGE);
        return Promise.resolve({});
      });
    };
    const other = sourceOf('other:latest');
    const first = cache.acquire(stubborn, output(), signal);
    const otherIsThere = cache.acquire(other, output(), signal);
    await other.begun;
    other.succeed({});
    assert.equal((await first).image, IMAGE);
  });

  it('ignores the hash of an artifact if the name belongs to another image', async () => {
    const lease = cache.acquire(source, output(), signal);
    await source.begun;
    source.succeed({ artifactHash: 'sha256:a' });
    await lease;
    assert.equal((await cache.acquire(source, output(), signal)).artifactHash, 'sha256:a');
    engine.images.set('wanted:latest', { ...IMAGE, id: 'sha256:2' });
    assert.equal((await cache.acquire(source, output(), signal)).artifactHash, undefined);
  });

  describe('with an unusable image', () => {
    const fetched = async () => {
      const leasing = cache.acquire(source, output(), signal);
      await source.begun;
      source.succeed({ artifactHash: 'sha256:a' });
      return await leasing;
    };

    it('removes it after its last use', async () => {
      const [lease, other] = [await fetched(), await cache.acquire(source, output(), signal)];
      lease.markUnusable();
      await lease.dispose();
      assert.ok(engine.images.has('wanted:latest'));
      other.markUnusable();
      await other.dispose();
      await other.dispose();
      assert.equal(engine.images.has('wanted:latest'), false);
      assert.deepEqual(
        bench.log.of('image removed').map(({ fields }) => fields['reason']),
        ['unusable'],
      );
      assert.equal(bench.imageRecords.find('wanted:latest', IMAGE.id), undefined);
    });

    it('keeps it if the worker has not fetched it, or if the engine can’t remove it', async () => {
      engine.images.set('here:latest', IMAGE);
      const here = await cache.acquire(sourceOf('here:latest'), output(), signal);
      here.markUnusable();
      await here.dispose();
      assert.ok(engine.images.has('here:latest'));
      const lease = await fetched();
      engine.fail('removeImage', new Error('busy'));
      lease.markUnusable();
      await lease.dispose();
      assert.equal(bench.log.of('image not removed').length, 1);
    });
  });
});
