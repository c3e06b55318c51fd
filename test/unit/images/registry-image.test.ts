import { strict as assert } from 'node:assert';
import { DockerError } from '../../../src/lib/docker/engine.js';
import type { ImageRequest } from '../../../src/lib/images/image-provider.js';
import { ImageCache } from '../../../src/lib/images/image-cache.js';
import { Images } from '../../../src/lib/images/images.js';
import { RegistryImages } from '../../../src/lib/images/registry-image.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { TaskError } from '../../../src/lib/task/errors.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

const IMAGE = { id: 'sha256:1', entrypoint: [], command: [] };

describe('images of registries', () => {
  let engine: FakeDockerEngine;
  let images: Images;
  let output: MemoryOutput;
  const { signal } = new AbortController();

  beforeEach(() => {
    engine = new FakeDockerEngine();
    output = new MemoryOutput();
    const pullRetries = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    const registries = new RegistryImages({ engine, pullRetries });
    const cache = new ImageCache({ engine, log: new MemoryLogger(), parallelFetches: 2 });
    const resolvers = { 'docker-image': registries, 'task-image': registries, 'indexed-image': registries };
    images = new Images(cache, resolvers);
  });

  const request = (name: string): ImageRequest => {
    const credentials = new CredentialHolder({ clientId: 'task', accessToken: 'x' });
    return { image: { type: 'docker-image', name }, scopes: [], credentials, progress: output };
  };

  const refusal = async (name: string): Promise<TaskError> => {
    const error: unknown = await images.acquire(request(name), signal).catch((reason: unknown) => reason);
    assert.ok(error instanceof TaskError);
    assert.match(error.message, /^Pulling docker image has failed\.\nError: /);
    return error;
  };

  it('are used as they are when they are there', async () => {
    engine.images.set('here:latest', IMAGE);
    const lease = await images.acquire(request('here'), signal);
    assert.equal(lease.image, IMAGE);
    assert.deepEqual(engine.trace.events, ['engine.inspectImage']);
  });

  it('are pulled when they are missing, and the author sees how', async () => {
    engine.registry.set('there:v1', IMAGE);
    const lease = await images.acquire(request('there:v1'), signal);
    assert.equal(lease.image, IMAGE);
    assert.equal(output.lines[0], 'Pulling image "there:v1".');
    assert.match(output.lines.at(-1) ?? '', /^Pulled image "there:v1" in [\d.]+ s\.$/);
  });

  it('that no registry has fail the task at once', async () => {
    assert.deepEqual((await refusal('nowhere')).resolution, { kind: 'failed' });
    assert.equal(engine.trace.count('engine.pullImage'), 1);
  });

  it('are pulled again after trouble on the way', async () => {
    engine.registry.set('there:latest', IMAGE);
    engine.fail('pullImage', new DockerError('timeout', 500), new DockerError('reset', undefined));
    await images.acquire(request('there'), signal);
    assert.equal(engine.trace.count('engine.pullImage'), 3);
    assert.match(output.lines[1] ?? '', /attempt 1.*timeout/);
  });

  it('are an internal error when the trouble goes on', async () => {
    engine.fail('pullImage', ...[1, 2, 3].map(() => new DockerError('timeout', 500)));
    const error = await refusal('there');
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    assert.match(error.message, /timeout \(image "there:latest", 3 attempts\)/);
  });

  for (const name of ['Ubuntu', '../containers/json?all=1', 'a b']) {
    it(`with an impossible name like ${name} fail the task before the engine hears of them`, async () => {
      const error = await refusal(name);
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.match(error.message, /invalid reference format/);
      assert.deepEqual(engine.trace.events, []);
    });
  }
});
