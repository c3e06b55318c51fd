import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import type { ImageSource } from '../../src/lib/images/image-provider.js';
import { RegistryImages } from '../../src/lib/images/registry-image.js';
import { CredentialHolder } from '../../src/lib/queue/credential-holder.js';
import { TaskError } from '../../src/lib/outcome/errors.js';
import { TaskScopes } from '../../src/lib/queue/task-scopes.js';
import { ImageBench } from '../fakes/image-bench.js';
import { MemoryLogger } from '../fakes/memory-logger.js';
import { MemoryOutput } from '../fakes/memory-output.js';
import { DockerRegistry } from '../support/docker-registry.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { seededRandom } from '../support/seeded-random.js';

const LABELS = { 'taskcluster.test': `image-cache-${process.pid}` };

const ADDRESS = { socketPath: '/var/run/docker.sock' };
const TASKS = 200;
const AT_ONCE = 4;
const PULL_INACTIVITY_MS = 500;

describe('the image cache with a real engine and a real registry', () => {
  const { signal } = new AbortController();
  const docker = new Docker(ADDRESS);
  let registry: DockerRegistry;
  let digest: string;

  before(async () => {
    registry = await DockerRegistry.start({ isPrivate: false });
    digest = await registry.publish(docker, 'us/app', 'v1');
    await registry.publish(docker, 'us/other', 'v1');
  });
  after(() => registry.close());

  const sourceOf = async (name: string, engine: DockerodeEngine): Promise<ImageSource> => {
    const pullRetries = { attempts: 2, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    const settings = { registries: {}, defaultRegistry: 'docker.io' };
    const images = new RegistryImages({ engine, pullRetries, settings, log: new MemoryLogger() });
    const credentials = new CredentialHolder({ clientId: 'task', accessToken: 'x' });
    const image = { type: 'docker-image' as const, name: `${registry.host}/${name}` };
    const request = { image, scopes: new TaskScopes([]), credentials, progress: new MemoryOutput() };
    return await images.resolve(request, signal);
  };

  it('gives up a pull that stalls in the middle of a layer', async () => {
    registry.interfere = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': 10_000_000, 'content-type': 'application/octet-stream' });
      response.write(Buffer.alloc(1000));
      return true;
    };
    const engine = new DockerodeEngine(ADDRESS, PULL_INACTIVITY_MS);
    const bench = await ImageBench.open(engine);
    try {
      const acquiring = bench.cache.acquire(await sourceOf('us/app:v1', engine), new MemoryOutput(), signal);
      await assert.rejects(acquiring, (error) => {
        assert.ok(error instanceof TaskError);
        assert.deepEqual(error.resolution, { kind: 'failed' });
        assert.match(error.message, /nothing was heard for 0\.5 s \(.*2 attempts\)\. The registry .* is in trouble/);
        return true;
      });
    } finally {
      registry.interfere = () => false;
      await bench.close();
    }
  });

  it(`fails none of ${TASKS} tasks while unused images are removed all the time`, async () => {
    const engine = new DockerodeEngine(ADDRESS);
    const bench = await ImageBench.open(engine, { expirationMs: 0 });
    const sources = await Promise.all(
      // The first two are names of the same image; the engine drops both with the first.
      ['us/app:v1', `us/app@${digest}`, 'us/other:v1'].map((name) => sourceOf(name, engine)),
    );
    const random = seededRandom();
    let begun = 0;
    const tasks = async (): Promise<void> => {
      while (begun < TASKS) {
        const source = random.pick(sources);
        begun += 1;
        const lease = await bench.cache.acquire(source, new MemoryOutput(), signal);
        const { id } = await engine.createContainer(minimalSpec(lease.image.id, ['true'], { labels: LABELS }));
        await engine.removeContainer(id);
        await lease.dispose();
      }
    };
    const state = { isOver: false };
    const collect = async (): Promise<void> => {
      while (!state.isOver) {
        await bench.collect();
        await setImmediate();
      }
    };
    const collecting = collect();
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, tasks));
    } finally {
      state.isOver = true;
      await collecting;
    }
    await bench.collect();
    const removals = bench.log.of('image removed').length;
    assert.ok(removals > sources.length, `only ${removals} images were removed`);
    for (const { localName } of sources) assert.equal(await engine.inspectImage(localName, signal), undefined);
    assert.deepEqual(bench.log.of('image not removed'), []);
    await bench.close();
  });
});
