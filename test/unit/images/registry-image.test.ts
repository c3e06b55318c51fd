import { strict as assert } from 'node:assert';
import { pullError } from '../../../src/lib/docker/docker-error.js';
import { DockerError, EngineLostError, isDiskFull } from '../../../src/lib/docker/engine.js';
import type { ImageRequest } from '../../../src/lib/images/image-provider.js';
import { Images } from '../../../src/lib/images/images.js';
import { RegistryImages } from '../../../src/lib/images/registry-image.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { isEngineLoss } from '../../../src/lib/outcome/resolution-of.js';
import { TaskScopes } from '../../../src/lib/queue/task-scopes.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { ImageBench } from '../../fakes/image-bench.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

const SETTINGS = {
  registries: { 'quay.io/us': { username: 'u', password: 'the-password' } },
  defaultRegistry: 'registry.hub.docker.com',
};
const IMAGE = { id: 'sha256:1', entrypoint: [], command: [] };

describe('images of registries', () => {
  let engine: FakeDockerEngine;
  let bench: ImageBench;
  let images: Images;
  let output: MemoryOutput;
  const { signal } = new AbortController();

  beforeEach(async () => {
    engine = new FakeDockerEngine();
    bench = await ImageBench.open(engine);
    output = new MemoryOutput();
    const pullRetries = { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    const registries = new RegistryImages({ engine, pullRetries, settings: SETTINGS, log: bench.log });
    const resolvers = { 'docker-image': registries, 'task-image': registries, 'indexed-image': registries };
    images = new Images(bench.cache, resolvers);
  });
  afterEach(() => bench.close());

  const request = (name: string, ...scopes: readonly string[]): ImageRequest => {
    const credentials = new CredentialHolder({ clientId: 'task', accessToken: 'x' });
    return { image: { type: 'docker-image', name }, scopes: new TaskScopes(scopes), credentials, progress: output };
  };

  const refusal = async (name: string, ...scopes: readonly string[]): Promise<TaskError> => {
    const error: unknown = await images.acquire(request(name, ...scopes), signal).catch((reason: unknown) => reason);
    assert.ok(error instanceof TaskError);
    assert.match(error.message, /^Pulling docker image has failed\.\nError: /);
    return error;
  };

  it('are used as they are if present', async () => {
    engine.images.set('here:latest', IMAGE);
    const lease = await images.acquire(request('here'), signal);
    assert.equal(lease.image, IMAGE);
    assert.deepEqual(engine.trace.events, ['engine.inspectImage']);
  });

  it('are pulled if missing, and the author sees the progress', async () => {
    engine.registry.set('there:v1', IMAGE);
    const lease = await images.acquire(request('there:v1'), signal);
    assert.equal(lease.image, IMAGE);
    assert.equal(output.lines[0], 'Pulling image "there:v1".');
    assert.match(output.lines.at(-1) ?? '', /^Pulled image "there:v1" in [\d.]+ s\.$/);
  });

  it('fail the task at once if no registry has them', async () => {
    assert.deepEqual((await refusal('nowhere')).resolution, { kind: 'failed' });
    assert.equal(engine.trace.count('engine.pullImage'), 1);
  });

  it('are pulled again after a retryable failure', async () => {
    engine.registry.set('there:latest', IMAGE);
    engine.fail('pullImage', new DockerError('timeout', 500), new DockerError('reset', undefined));
    await images.acquire(request('there'), signal);
    assert.equal(engine.trace.count('engine.pullImage'), 3);
    assert.match(output.lines[1] ?? '', /attempt 1.*timeout/);
  });

  it('are an internal error if all attempts fail', async () => {
    engine.fail('pullImage', ...[1, 2, 3].map(() => new DockerError('timeout', 500)));
    const error = await refusal('there');
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    assert.match(error.message, /timeout \(image "there:latest", 3 attempts\)/);
  });

  describe('of a registry that only the payload names', () => {
    const NAME = 'registry.example.com:5000/x/y:v1';
    const failing = async (name: string, ...said: readonly string[]): Promise<TaskError> => {
      engine.fail('pullImage', ...said.map((words) => pullError(name, new Error(words))));
      return await refusal(name);
    };
    const always = (words: string): readonly string[] => [words, words, words];

    for (const words of [
      'Get "https://registry.example.com:5000/v2/": dial tcp 203.0.113.9:5000: connect: connection refused',
      'Get "https://registry.example.com:5000/v2/": dial tcp: lookup registry.example.com: i/o timeout',
      'received unexpected HTTP status: 503 Service Unavailable',
      'something that nobody has ever said',
      // Messages with which a registry could make its failure look like one of the machine.
      'unknown: write /var/lib/docker/tmp/x: no space left on device',
      'error parsing HTTP 500 response body: no space left on device',
      'received unexpected HTTP status: 500 too many open files',
      'unknown: dial unix /run/containerd/containerd.sock: connect: connection refused',
      'Get "https://registry.example.com:5000/v2/": dial tcp: lookup registry.example.com on 127.0.0.53:53: no such host',
    ]) {
      it(`fail the task without alerting the operator if the registry fails: ${words}`, async () => {
        const error = await failing(NAME, ...always(words));
        assert.deepEqual(error.resolution, { kind: 'failed' });
        assert.match(
          error.message,
          /3 attempts\)\. The registry registry\.example\.com:5000, or the way to it, is in trouble/,
        );
        assert.equal(isDiskFull(error), false);
      });
    }

    for (const words of [
      'write /var/lib/docker/tmp/GetImageBlob1: no space left on device',
      'failed to register layer: write /usr/bin/x: no space left on device',
      'open /var/lib/docker/tmp/x: too many open files',
      'failed to register layer: fork/exec /proc/self/exe: cannot allocate memory',
      'connection error: desc = "transport: error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
      'Get "https://registry.example.com:5000/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused',
      'Get "https://registry.example.com:5000/v2/": dial tcp: lookup registry.example.com on 127.0.0.53:53: read udp 127.0.0.1:40000->127.0.0.53:53: read: connection refused',
    ]) {
      it(`are an internal error if the machine fails: ${words}`, async () => {
        assert.deepEqual((await failing(NAME, ...always(words))).resolution, {
          kind: 'exception',
          reason: 'internal-error',
        });
      });
    }

    it('do not fail the task if the engine is lost', async () => {
      engine.fail('pullImage', ...[1, 2, 3].map(() => new EngineLostError('cannot reach the Docker engine')));
      const error = await refusal(NAME);
      assert.ok(isEngineLoss(error));
      assert.notDeepEqual(error.resolution, { kind: 'failed' });
    });
  });

  it('are an internal error if a configured registry or Docker Hub fails', async () => {
    for (const name of ['quay.io/other/app', 'registry.hub.docker.com/us/app', 'index.docker.io/us/app', 'us/app']) {
      engine.fail('pullImage', ...[1, 2, 3].map(() => pullError(name, new Error('connection refused'))));
      assert.deepEqual((await refusal(name)).resolution, { kind: 'exception', reason: 'internal-error' }, name);
    }
  });

  for (const name of ['Ubuntu', '../containers/json?all=1', 'a b']) {
    it(`with an impossible name like ${name} fail the task before any call to the engine`, async () => {
      const error = await refusal(name);
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.match(error.message, /invalid reference format/);
      assert.deepEqual(engine.trace.events, []);
    });
  }

  describe('that the worker logs in for', () => {
    const NAME = 'quay.io/us/app:v1';
    const SCOPE = `docker-worker:image:${NAME}`;

    it('need a scope, even when they are on the machine', async () => {
      engine.images.set(NAME, IMAGE);
      const error = await refusal(NAME, 'docker-worker:image:quay.io/us/other:*');
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.ok(
        error.message.includes(`the task lacks the scope ${SCOPE}. Add it to task.scopes or to a role`),
        error.message,
      );
      assert.deepEqual(engine.trace.events, []);
    });

    it('are available with that scope, present or pulled with the credentials', async () => {
      engine.registry.set(NAME, IMAGE);
      await images.acquire(request(NAME, SCOPE), signal);
      await images.acquire(request('quay.io/us/app:v1', 'docker-worker:image:quay.io/us/*'), signal);
      assert.deepEqual(engine.pulls, [
        { name: NAME, auth: { username: 'u', password: 'the-password', serverAddress: 'quay.io' } },
      ]);
    });

    it('are not retried if the registry refuses the credentials, which the operator is told', async () => {
      engine.fail(
        'pullImage',
        new DockerError('unauthorized: wrong password', 500, { fault: 'registry-refuses', retryable: false }),
      );
      const error = await refusal(NAME, SCOPE);
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.match(
        error.message,
        /unauthorized: wrong password \(.*1 attempt\)\. .*credentials that the worker has for "quay.io\/us"/,
      );
      const [told] = bench.log.of('registry refuses credentials');
      assert.equal(told?.fields['registry'], 'quay.io/us');
      assert.ok(!JSON.stringify([bench.log.records, error.message, output]).includes('the-password'));
    });
  });

  it('need neither scope nor credentials for other users of that registry', async () => {
    engine.registry.set('quay.io/others/app:v1', IMAGE);
    await images.acquire(request('quay.io/others/app:v1'), signal);
    assert.deepEqual(engine.pulls, [{ name: 'quay.io/others/app:v1', auth: undefined }]);
  });

  for (const name of [
    `sha256:${'a'.repeat(64)}`,
    'sha256:abcdef',
    'a'.repeat(64),
    `docker.io/library/${'a'.repeat(64)}`,
  ]) {
    it(`can't be requested by the id of an image, like ${name}`, async () => {
      assert.match((await refusal(name)).message, /invalid reference format/);
      assert.deepEqual(engine.trace.events, []);
    });
  }

  it('can’t have the names that the worker gives to images of tasks', async () => {
    for (const name of [
      '0123456789abcdef0123456789abcdef',
      'docker.io/library/0123456789abcdef0123456789abcdef:latest',
    ]) {
      assert.match((await refusal(name)).message, /type: task-image/);
    }
    assert.deepEqual(engine.trace.events, []);
  });
});
