import { strict as assert } from 'node:assert';
import type { ImageInfo } from '../../../src/lib/docker/engine.js';
import { ImageCache } from '../../../src/lib/images/image-cache.js';
import type { FetchedImage, ImageProgress, ImageSource } from '../../../src/lib/images/image-provider.js';
import { TaskError } from '../../../src/lib/task/errors.js';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

const IMAGE: ImageInfo = { id: 'sha256:1', entrypoint: [], command: [] };

/** An image whose fetch waits until it is told how to end. */
class TestSource implements ImageSource {
  readonly label: string;
  fetches = 0;
  progress: ImageProgress | undefined;
  signal: AbortSignal | undefined;
  succeed: (fetched: FetchedImage) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly begun: Promise<void>;
  #markBegun = (): void => undefined;

  constructor(
    readonly localName: string,
    readonly engine: FakeDockerEngine,
  ) {
    this.label = `image "${localName}"`;
    this.begun = new Promise((resolve) => {
      this.#markBegun = resolve;
    });
  }

  async fetch(progress: ImageProgress, signal: AbortSignal): Promise<FetchedImage> {
    this.fetches += 1;
    this.progress = progress;
    this.signal = signal;
    const ended = new Promise<FetchedImage>((resolve, reject) => {
      this.succeed = resolve;
      this.fail = reject;
    });
    this.#markBegun();
    const fetched = await untilAborted(ended, signal);
    this.engine.images.set(this.localName, IMAGE);
    return fetched;
  }
}

describe('the cache of images', () => {
  let engine: FakeDockerEngine;
  let cache: ImageCache;
  let source: TestSource;
  const { signal } = new AbortController();
  const output = (): MemoryOutput => new MemoryOutput();

  beforeEach(() => {
    engine = new FakeDockerEngine();
    cache = new ImageCache({ engine, log: new MemoryLogger(), parallelFetches: 1 });
    source = new TestSource('wanted:latest', engine);
  });

  it('asks the engine once for an image that is here', async () => {
    engine.images.set('wanted:latest', IMAGE);
    const lease = await cache.acquire(source, output(), signal);
    assert.equal(lease.image, IMAGE);
    assert.equal(source.fetches, 0);
    assert.deepEqual(engine.trace.events, ['engine.inspectImage']);
  });

  it('fetches a missing image once for all, who see how it goes', async () => {
    const logs = Array.from({ length: 8 }, output);
    const leases = Promise.all(logs.map((log) => cache.acquire(source, log, signal)));
    await source.begun;
    source.progress?.line('half of it');
    const late = output();
    const lateLease = cache.acquire(source, late, signal);
    // Its turn to join: the engine, in memory, has answered by then.
    await new Promise(setImmediate);
    source.succeed({ artifactHash: 'sha256:a' });
    assert.deepEqual([...new Set((await leases).map(({ artifactHash }) => artifactHash))], ['sha256:a']);
    assert.equal((await lateLease).image, IMAGE);
    assert.equal(source.fetches, 1);
    for (const log of logs) assert.ok(log.lines.includes('half of it'));
    assert.deepEqual(late.lines, [
      'Another task is getting the image already (image "wanted:latest"); waiting for it.',
      'half of it',
    ]);
  });

  it('goes on for the others when the one that began it is stopped', async () => {
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

  it('aborts a fetch that nobody waits for, and begins anew for the next', async () => {
    const only = new AbortController();
    const stopped = cache.acquire(source, output(), only.signal);
    await source.begun;
    only.abort(new Error('canceled'));
    await assert.rejects(stopped, /canceled/);
    assert.equal(source.signal?.aborted, true);
    assert.equal(cache.isHeld('wanted:latest'), false);
    const next = new TestSource('wanted:latest', engine);
    const lease = cache.acquire(next, output(), signal);
    await next.begun;
    next.succeed({});
    assert.equal((await lease).image, IMAGE);
  });

  it('tells all of a failure, and tries again for the next', async () => {
    const both = [1, 2].map(() => cache.acquire(source, output(), signal).catch((error: unknown) => error));
    await source.begun;
    const failure = TaskError.failed('no such image');
    source.fail(failure);
    assert.deepEqual(await Promise.all(both), [failure, failure]);
    assert.equal(cache.isHeld('wanted:latest'), false);
    const next = new TestSource('wanted:latest', engine);
    const lease = cache.acquire(next, output(), signal);
    await next.begun;
    next.succeed({});
    await lease;
  });

  it('fetches no more at a time than it may, and says who waits', async () => {
    const other = new TestSource('other:latest', engine);
    const waiting = output();
    const first = cache.acquire(source, output(), signal);
    await source.begun;
    const second = cache.acquire(other, waiting, signal);
    await new Promise(setImmediate);
    assert.equal(other.fetches, 0);
    assert.match(waiting.lines[0] ?? '', /^Waiting: /);
    source.succeed({});
    await first;
    await other.begun;
    other.succeed({});
    await second;
  });

  it('holds an image from the wish for it until the last lease is disposed of, each of which may be twice', async () => {
    engine.images.set('wanted:latest', IMAGE);
    const acquiring = [1, 2].map(() => cache.acquire(source, output(), signal));
    assert.equal(cache.isHeld('wanted:latest'), true);
    const [one, two] = await Promise.all(acquiring);
    one?.dispose();
    one?.dispose();
    assert.equal(cache.isHeld('wanted:latest'), true);
    two?.dispose();
    assert.equal(cache.isHeld('wanted:latest'), false);
  });

  it('forgets the hash of an artifact when the name has another image by now', async () => {
    const lease = cache.acquire(source, output(), signal);
    await source.begun;
    source.succeed({ artifactHash: 'sha256:a' });
    await lease;
    assert.equal((await cache.acquire(source, output(), signal)).artifactHash, 'sha256:a');
    engine.images.set('wanted:latest', { ...IMAGE, id: 'sha256:2' });
    assert.equal((await cache.acquire(source, output(), signal)).artifactHash, undefined);
  });
});
