import { strict as assert } from 'node:assert';
import { Ajv } from 'ajv';
import type { ImageInfo } from '../../../src/lib/docker/engine.js';
import { IMAGE_FACTS_SCHEMA, IMAGE_IDENTITY_SCHEMA } from '../../../src/lib/images/image-provider.js';
import type { ImageFacts, ImageLease } from '../../../src/lib/images/image-provider.js';
import { Images } from '../../../src/lib/images/images.js';
import { settle } from '../../fakes/fake-clock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { ImageBench } from '../../fakes/image-bench.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { TestSource } from '../../fakes/test-source.js';

const IMAGE: ImageInfo = { id: 'sha256:1', entrypoint: ['/init'], command: ['sh', '-c', 'true'] };
const ARTIFACT_HASH = `sha256:${'a'.repeat(64)}`;
const EXPIRATION_MS = 1000;

describe('the lease of an image that a worker held when it died', () => {
  let engine: FakeDockerEngine;
  let bench: ImageBench;
  const { signal } = new AbortController();

  beforeEach(async () => {
    engine = new FakeDockerEngine();
    bench = await ImageBench.open(engine, { expirationMs: EXPIRATION_MS });
  });
  afterEach(() => bench.close());

  /** The images of the worker; it has no resolver, as none may be asked. */
  const adopt = (facts: ImageFacts, stop = signal): Promise<ImageLease> =>
    new Images(bench.cache, {} as ConstructorParameters<typeof Images>[1]).adopt(facts, stop);

  const fetched = async (name: string, image = IMAGE): Promise<ImageLease> => {
    const source = new TestSource(name, engine, image, true);
    const leasing = bench.cache.acquire(source, new MemoryOutput(), signal);
    await source.begun;
    source.succeed({ artifactHash: ARTIFACT_HASH });
    return await leasing;
  };
  /** Ends the worker without its leases, and starts another on the same state. */
  const restart = async (): Promise<void> => {
    await bench.imageRecords.flush();
    const { nowMs, stateDir } = bench;
    bench = await ImageBench.open(engine, { expirationMs: EXPIRATION_MS }, stateDir);
    bench.nowMs = nowMs;
    engine.trace.events.splice(0);
  };

  it('is taken over with all its facts, which survive JSON, and without a call or a line', async () => {
    const { facts } = await fetched('wanted:latest');
    assert.deepEqual(facts, { localName: 'wanted:latest', image: IMAGE, artifactHash: ARTIFACT_HASH });
    await restart();
    const lease = await adopt(JSON.parse(JSON.stringify(facts)) as ImageFacts);
    assert.deepEqual([lease.image, lease.artifactHash, lease.facts], [IMAGE, ARTIFACT_HASH, facts]);
    assert.deepEqual([engine.trace.events, bench.log.records, bench.metrics.counted], [[], [], []]);
  });

  it('has no hash when the image is from a registry', async () => {
    engine.images.set('here:latest', IMAGE);
    const { facts } = await bench.cache.acquire(
      new TestSource('here:latest', engine, IMAGE),
      new MemoryOutput(),
      signal,
    );
    assert.deepEqual(facts, { localName: 'here:latest', image: IMAGE });
    assert.equal((await adopt(facts)).artifactHash, undefined);
  });

  it('keeps the image until it is released', async () => {
    const { facts } = await fetched('wanted:latest');
    await restart();
    const lease = await adopt(facts);
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    await lease.dispose();
    await lease.dispose();
    assert.deepEqual(await bench.collect(), [], 'it expires only after the end of its use');
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(), ['wanted:latest']);
  });

  it('does not keep other images of its repository', async () => {
    const { facts } = await fetched('wanted:1');
    await fetched('wanted:2', { ...IMAGE, id: 'sha256:2' });
    await restart();
    await adopt(facts);
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(), ['wanted:2']);
  });

  it('is taken over though the engine no longer has the image under that name', async () => {
    const { facts } = await fetched('wanted:latest');
    engine.images.delete('wanted:latest');
    await restart();
    const lease = await adopt(facts);
    assert.equal(lease.image.id, IMAGE.id);
    await lease.dispose();
    bench.nowMs += EXPIRATION_MS;
    assert.deepEqual(await bench.collect(5), []);
    assert.deepEqual(bench.imageRecords.leastRecentlyUsed, []);
  });

  it('leaves alone the record of another image that has the name by now', async () => {
    const { facts } = await fetched('wanted:latest');
    engine.images.delete('wanted:latest');
    const other = { ...IMAGE, id: 'sha256:2' };
    await (await fetched('wanted:latest', other)).dispose();
    await restart();
    await (await adopt(facts)).dispose();
    const [record, ...others] = bench.imageRecords.leastRecentlyUsed;
    assert.deepEqual([record?.imageId, record?.wasFetched, others], ['sha256:2', true, []]);
  });

  it('removes an unusable image that the worker had fetched', async () => {
    const { facts } = await fetched('wanted:latest');
    await restart();
    const lease = await adopt(facts);
    lease.markUnusable();
    await lease.dispose();
    assert.equal(engine.images.has('wanted:latest'), false);
  });

  describe('while an image of its repository is being removed', () => {
    let letGo: () => void;
    let collecting: Promise<unknown>;
    beforeEach(async () => {
      await (await fetched('wanted:1')).dispose();
      await restart();
      const isLetGo = new Promise<void>((resolve) => (letGo = resolve));
      const remove = engine.removeImage.bind(engine);
      engine.removeImage = async (name) => {
        await isLetGo;
        await remove(name);
      };
      bench.nowMs += EXPIRATION_MS;
      collecting = bench.collect();
      await engine.trace.until('engine.inspectImage');
      await settle();
    });
    afterEach(async () => {
      letGo();
      await collecting;
    });

    it('waits for the removal', async () => {
      const state = { isHeld: false };
      const adopting = adopt({ localName: 'wanted:2', image: IMAGE }).then(() => (state.isHeld = true));
      await settle();
      assert.equal(state.isHeld, false);
      letGo();
      assert.equal(await adopting, true);
    });

    it('is given up when its run is stopped', async () => {
      const stop = new AbortController();
      const adopting = adopt({ localName: 'wanted:2', image: IMAGE }, stop.signal);
      stop.abort(new Error('canceled'));
      await assert.rejects(adopting, /canceled/);
    });
  });

  it('has facts with a schema that accepts nothing else', () => {
    const ajv = new Ajv({ strict: true });
    const isFacts = ajv.compile(IMAGE_FACTS_SCHEMA);
    const isIdentity = ajv.compile(IMAGE_IDENTITY_SCHEMA);
    const facts = { localName: 'a:latest', image: IMAGE, artifactHash: ARTIFACT_HASH };
    assert.ok(isFacts(facts) && isFacts({ localName: 'a:latest', image: IMAGE }));
    assert.ok(isIdentity({ image: IMAGE, artifactHash: ARTIFACT_HASH }) && isIdentity({ image: IMAGE }));
    for (const broken of [
      { ...facts, localName: '' },
      { ...facts, image: undefined },
      { ...facts, image: { ...IMAGE, command: [1] } },
      { ...facts, image: { id: 'sha256:1' } },
      { ...facts, artifactHash: 'sha256:a' },
    ]) {
      assert.ok(!isFacts(JSON.parse(JSON.stringify(broken))), JSON.stringify(broken));
    }
  });
});
