import { strict as assert } from 'node:assert';
import type { ImageInfo } from '../../../src/lib/docker/engine.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import type { ImageLease } from '../../../src/lib/images/image-provider.js';
import { settle } from '../../fakes/fake-clock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { ImageBench } from '../../fakes/image-bench.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { TestSource } from '../../fakes/test-source.js';

const EXPIRATION_MS = 1000;

describe('unused images', () => {
  let engine: FakeDockerEngine;
  let bench: ImageBench;
  const { signal } = new AbortController();

  const open = async (wholeMachine: boolean): Promise<void> => {
    engine = new FakeDockerEngine();
    bench = await ImageBench.open(engine, { expirationMs: EXPIRATION_MS, wholeMachine });
  };
  beforeEach(() => open(false));
  afterEach(() => bench.close());

  const imageOf = (name: string): ImageInfo => ({ id: `sha256:id of ${name}`, entrypoint: [], command: [] });
  const sourceOf = (name: string, image = imageOf(name)): TestSource => new TestSource(name, engine, image);

  const lease = async (name: string, image = imageOf(name)): Promise<ImageLease> => {
    const source = sourceOf(name, image);
    void source.begun.then(() => {
      source.succeed({});
    });
    return await bench.cache.acquire(source, new MemoryOutput(), signal);
  };

  /** Used and released. */
  const use = async (name: string, image?: ImageInfo): Promise<void> => {
    await (await lease(name, image)).dispose();
    bench.nowMs += 1;
  };

  it('are removed when they have expired, which is logged', async () => {
    await use('old:latest');
    bench.nowMs += EXPIRATION_MS;
    await use('new:latest');
    assert.deepEqual(await bench.collect(), ['old:latest']);
    assert.deepEqual([...engine.images.keys()], ['new:latest']);
    const { fields } = bench.log.of('image removed')[0] ?? assert.fail();
    assert.deepEqual(fields, { image: 'old:latest', imageId: 'sha256:id of old:latest', reason: 'expired' });
    assert.deepEqual(await bench.collect(), []);
  });

  it('expire after the end of their last use, not after its beginning', async () => {
    const held = await lease('long:latest');
    bench.nowMs += 2 * EXPIRATION_MS;
    await held.dispose();
    bench.nowMs += EXPIRATION_MS - 1;
    assert.deepEqual(await bench.collect(), []);
    bench.nowMs += 1;
    assert.deepEqual(await bench.collect(), ['long:latest']);
  });

  it('are removed while disk space is low, the least recently used first, and no more than needed', async () => {
    for (const name of ['a:latest', 'b:latest', 'c:latest', 'a:latest']) await use(name);
    assert.deepEqual(await bench.collect(2), ['b:latest', 'c:latest']);
    assert.equal(bench.log.of('image removed')[0]?.fields['reason'], 'disk short');
  });

  it('stay if they were there before the worker, unless the machine is the worker’s', async () => {
    for (const wholeMachine of [false, true]) {
      await bench.close();
      await open(wholeMachine);
      engine.images.set('mine:latest', imageOf('mine:latest'));
      await use('mine:latest');
      bench.nowMs += EXPIRATION_MS;
      assert.deepEqual(await bench.collect(5), wholeMachine ? ['mine:latest'] : []);
    }
  });

  it('stay if their name now belongs to another image', async () => {
    await use('moved:latest');
    engine.images.set('moved:latest', imageOf('of somebody else'));
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    assert.ok(engine.images.has('moved:latest'));
  });

  it('are not removed under another name while they are in use', async () => {
    const image = imageOf('both');
    const held = await lease('one:latest', image);
    await use('two:latest', image);
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    await held.dispose();
    assert.deepEqual(await bench.collect(5), ['two:latest', 'one:latest']);
  });

  it('are those without a lease, a waiting task or a fetch', async () => {
    const held = await lease('held:latest');
    const source = sourceOf('wanted:latest');
    const acquiring = bench.cache.acquire(source, new MemoryOutput(), signal);
    await source.begun;
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    source.succeed({});
    const other = await acquiring;
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    await held.dispose();
    await other.dispose();
    assert.deepEqual(await bench.collect(5), ['held:latest', 'wanted:latest']);
  });

  it('are fetched again for a task that requests them while they are removed', async () => {
    await use('going:latest');
    bench.nowMs += EXPIRATION_MS;
    let letGo = (): void => undefined;
    const isLetGo = new Promise<void>((resolve) => (letGo = resolve));
    const remove = engine.removeImage.bind(engine);
    engine.removeImage = async (name) => {
      await isLetGo;
      await remove(name);
    };
    const collecting = bench.collect();
    await settle();
    const source = sourceOf('going:latest');
    const acquiring = bench.cache.acquire(source, new MemoryOutput(), signal);
    const given = new AbortController();
    const givesUp = bench.cache.acquire(sourceOf('going:latest'), new MemoryOutput(), given.signal);
    given.abort(new Error('canceled'));
    await assert.rejects(givesUp, /canceled/);
    await settle();
    assert.equal(source.fetches, 0);
    letGo();
    assert.deepEqual(await collecting, ['going:latest']);
    await source.begun;
    source.succeed({});
    await (await acquiring).dispose();
    assert.ok(engine.images.has('going:latest'));
  });

  it('stay while another name of the repository is requested that may be the same image', async () => {
    await use('repo:v1');
    bench.nowMs += EXPIRATION_MS;
    let answer = (): void => undefined;
    const isAnswered = new Promise<void>((resolve) => (answer = resolve));
    const inspect = engine.inspectImage.bind(engine);
    engine.inspectImage = async (name, until) => {
      if (name.includes('@')) await isAnswered;
      return await inspect(name, until);
    };
    const name = `repo@sha256:${'0'.repeat(64)}`;
    engine.images.set(name, imageOf('repo:v1'));
    const acquiring = bench.cache.acquire(sourceOf(name), new MemoryOutput(), signal);
    assert.deepEqual(await bench.collect(5), []);
    answer();
    const held = await acquiring;
    assert.deepEqual(await bench.collect(5), []);
    await held.dispose();
    assert.deepEqual(await bench.collect(1), ['repo:v1']);
  });

  it('are logged if they can’t be removed, and the others are removed', async () => {
    for (const name of ['used:latest', 'broken:latest', 'fine:latest']) await use(name);
    bench.nowMs += EXPIRATION_MS;
    engine.fail('removeImage', new DockerError('conflict: in use by a container', 409), new DockerError('io', 500));
    assert.deepEqual(await bench.collect(), ['fine:latest']);
    const kept = bench.log.of('image not removed').map(({ level, fields }) => [level, fields['image']]);
    assert.deepEqual(kept, [
      ['debug', 'used:latest'],
      ['warn', 'broken:latest'],
    ]);
    assert.deepEqual(await bench.collect(), ['used:latest', 'broken:latest']);
  });

  it('are forgotten if they are gone already', async () => {
    await use('gone:latest');
    engine.images.clear();
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(), []);
    assert.deepEqual(bench.imageRecords.leastRecentlyUsed, []);
  });

  it('stay when the collection is stopped', async () => {
    await use('old:latest');
    bench.nowMs += EXPIRATION_MS;
    const stop = AbortSignal.abort(new Error('enough'));
    await assert.rejects(
      bench.garbage.collect(() => Promise.resolve(true), stop),
      /enough/,
    );
    assert.ok(engine.images.has('old:latest'));
  });
});
