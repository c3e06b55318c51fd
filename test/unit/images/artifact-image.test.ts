import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ArtifactImages } from '../../../src/lib/images/artifact-image.js';
import type { ImageReference, ImageRequest, InTurn } from '../../../src/lib/images/image-provider.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { TaskScopes } from '../../../src/lib/queue/task-scopes.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { FakeQueue, outage } from '../../fakes/fake-queue.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { FlakyServer, serve } from '../../support/flaky-server.js';
import type { Answer } from '../../support/flaky-server.js';
import { dockerArchive, legacyFiles, tarOf } from '../../support/image-archive.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const PATH = 'public/image.tar';
const IMAGE: ImageReference = { type: 'task-image', taskId: 'fRWeAYyFTv66bvy2SXul1w', path: PATH };
const NAME = `${createHash('md5').update(`fRWeAYyFTv66bvy2SXul1w${PATH}`).digest('hex')}:latest`;

describe('images of artifacts', () => {
  let engine: FakeDockerEngine;
  let queue: FakeQueue;
  let output: MemoryOutput;
  let server: FlakyServer | undefined;
  let content: Buffer;
  const { signal } = new AbortController();

  before(async () => {
    content = await dockerArchive('x'.repeat(200_000), ['some/name:1']);
  });
  beforeEach(() => {
    engine = new FakeDockerEngine();
    queue = new FakeQueue();
    output = new MemoryOutput();
  });
  afterEach(() => server?.close());

  const images = (): ArtifactImages => {
    const retries = { attempts: 4, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    return new ArtifactImages({ engine, queue, retries, inactivityMs: 5000 });
  };

  const request = (image: ImageReference, scopes: readonly string[] = []): ImageRequest => {
    const credentials = new CredentialHolder({ clientId: 'task', accessToken: 'x' });
    return { image, scopes: new TaskScopes(scopes), credentials, progress: output };
  };

  const atOnce: InTurn = (attempt) => attempt();

  const fetch = async (answer: Answer, until = signal) => {
    server = await FlakyServer.start(answer);
    const { url } = server;
    queue.latestArtifactUrl = () => url;
    return await (await images().resolve(request(IMAGE), until)).fetch(output, atOnce, until);
  };

  const refusal = async (promise: Promise<unknown>): Promise<TaskError> => {
    const error: unknown = await promise.catch((reason: unknown) => reason);
    assert.ok(error instanceof TaskError, String(error));
    assert.match(error.message, /^Pulling docker image has failed\.\nError: /);
    return error;
  };

  const sends: Answer = (request, response) => {
    serve(request, response, { content });
  };

  it('get one name, made from the task and the path', async () => {
    const { artifactHash } = await fetch(sends);
    assert.deepEqual([...engine.images.keys()], [NAME]);
    assert.equal(artifactHash, `sha256:${createHash('sha256').update(content).digest('hex')}`);
  });

  it('start over, as one more attempt, if the connection breaks and the rest is not available', async () => {
    const { artifactHash } = await fetch((request, response, n) => {
      // Cut, another version, cut, all of it: four attempts.
      serve(request, response, { content, etag: n < 2 ? '"old"' : '"new"' }, n === 4 ? undefined : 50_000);
    });
    assert.equal(artifactHash, `sha256:${createHash('sha256').update(content).digest('hex')}`);
    assert.deepEqual([...engine.images.keys()], [NAME]);
    const how = output.lines.flatMap((line) => /attempt (\d)\).*(Resuming|Starting again)/.exec(line)?.slice(1) ?? []);
    assert.deepEqual(how, ['1', 'Resuming', '2', 'Starting again', '3', 'Resuming']);
  });

  it('are an internal error if all attempts fail', async () => {
    const cut: Answer = (request, response) => {
      serve(request, response, { content, etag: 'W/"weak"' }, 50_000);
    };
    const error = await refusal(fetch(cut));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    assert.match(error.message, /4 attempts\)\. .* not a mistake of the task/);
    assert.equal(server?.requests.length, 4);
    assert.equal(engine.images.size, 0);
  });

  for (const [storageType, resolution] of [
    ['reference', { kind: 'failed' }],
    ['s3', { kind: 'exception', reason: 'internal-error' }],
  ] as const) {
    it(`resolve as ${resolution.kind} if the target of an artifact of type ${storageType} fails`, async () => {
      const nobody = await FlakyServer.start(() => undefined);
      await nobody.close();
      const redirects: Answer = (_request, response) => {
        const headers = { location: `${nobody.url}/image`, 'x-taskcluster-artifact-storage-type': storageType };
        response.writeHead(303, headers).end();
      };
      const error = await refusal(fetch(redirects));
      assert.deepEqual(error.resolution, resolution);
      assert.match(error.message, /the connection to 127\.0\.0\.1:\d+ failed \(ECONNREFUSED\) \(.*, 4 attempts\)/);
      assert.match(
        error.message,
        storageType === 'reference' ? /The creator of the artifact must fix this/ : /not a mistake/,
      );
    });
  }

  it('are an internal error if the queue fails, although a previous attempt was redirected', async () => {
    let requests = 0;
    const answers: Answer = (_request, response) => {
      requests++;
      if (requests > 1) {
        response.writeHead(503).end();
        return;
      }
      const headers = { location: 'http://127.0.0.1:1/', 'x-taskcluster-artifact-storage-type': 'reference' };
      response.writeHead(303, headers).end();
    };
    const error = await refusal(fetch(answers));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
  });

  it('are loaded again if the engine failed, but not if it refuses them', async () => {
    engine.fail('loadImage', new DockerError('no space left on device', undefined));
    await fetch(sends);
    await server?.close();
    engine.fail('loadImage', new DockerError('invalid diffID', 400));
    const error = await refusal(fetch(sends));
    assert.deepEqual(error.resolution, { kind: 'failed' });
    assert.match(error.message, /invalid diffID \(artifact "public\/image\.tar" of task .*, 1 attempt\)/);
  });

  it('fail the task at once if they are not archives', async () => {
    const page: Answer = (_request, response) => {
      response.end('<html>'.repeat(1000));
    };
    const error = await refusal(fetch(page));
    assert.deepEqual(error.resolution, { kind: 'failed' });
    assert.match(error.message, /the image archive cannot be used: it is not a tar archive, or is damaged/);
    assert.equal(server?.requests.length, 1);
  });

  it('reject with the reason of the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const fetching = fetch((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('x');
      controller.abort(reason);
    }, controller.signal);
    await assert.rejects(fetching, (error) => error === reason);
  });

  it('need a scope if they are not public, which may end with a star', async () => {
    const image: ImageReference = { ...IMAGE, path: 'private/image.tar' };
    const error = await refusal(images().resolve(request(image, ['queue:get-artifact:private/other*']), signal));
    assert.match(error.message, /not public, and the task lacks the scope queue:get-artifact:private\/image\.tar/);
    for (const scope of ['queue:get-artifact:private/image.tar', 'queue:get-artifact:private/*', '*']) {
      await images().resolve(request(image, [scope]), signal);
    }
  });

  it('are not public if their path only looks like it', async () => {
    for (const path of ['publicity/image.tar', 'x/public/image.tar', 'public.tar', '//public/image.tar']) {
      const error = await refusal(images().resolve(request({ ...IMAGE, path }), signal));
      assert.match(error.message, /\nError: Not authorized to use artifact /);
    }
  });

  it('need no scope for a path that begins with a slash, as before', async () => {
    const asked: unknown[] = [];
    queue.latestArtifactUrl = (_taskId, path, rights) => {
      asked.push(path, rights?.scopes);
      return 'http://127.0.0.1:1/';
    };
    const source = await images().resolve(request({ ...IMAGE, path: '/public/image.tar' }, ['a']), signal);
    await refusal(source.fetch(output, atOnce, signal));
    assert.deepEqual(asked.slice(0, 2), ['/public/image.tar', ['a']]);
  });

  it('are named in the log, in one line whatever their path', async () => {
    const words = async (path: string): Promise<string | undefined> => {
      const source = await images().resolve(request({ ...IMAGE, path }), signal);
      return source.using?.('sha256:1');
    };
    const end = "from task 'fRWeAYyFTv66bvy2SXul1w' loaded.  Using image ID sha256:1.";
    assert.equal(await words('public/image.tar.zst'), `Image 'public/image.tar.zst' ${end}`);
    assert.equal(await words('public/\n[x]'), `Image 'public/\\n[x]' ${end}`);
  });

  it('are read twice if they do not state the hashes of their layers', async () => {
    content = await tarOf(await legacyFiles(['base', 'top'], { 'some/name': { '1': 1 } }));
    try {
      const { artifactHash } = await fetch(sends);
      assert.equal(artifactHash, `sha256:${createHash('sha256').update(content).digest('hex')}`);
    } finally {
      content = await dockerArchive('x'.repeat(200_000), ['some/name:1']);
    }
    assert.deepEqual([...engine.images.keys()], [NAME]);
    assert.equal(server?.requests.length, 2);
    assert.ok(output.lines.some((line) => line.includes('has to be read twice')));
  });

  describe('of the index', () => {
    const image: ImageReference = { type: 'indexed-image', namespace: 'some.path', path: PATH };

    it('are looked up each time', async () => {
      const provider = images();
      const names = new Set<string>();
      for (const taskId of ['one', 'two']) {
        queue.index.set('some.path', taskId);
        names.add((await provider.resolve(request(image), signal)).localName);
      }
      assert.equal(names.size, 2);
    });

    it('fail the task if they do not exist', async () => {
      const error = await refusal(images().resolve(request(image), signal));
      assert.deepEqual(error.resolution, { kind: 'failed' });
    });

    it('are looked up again while the index fails', async () => {
      let calls = 0;
      queue.findTask = () => {
        calls += 1;
        return calls < 4 ? Promise.reject(outage()) : Promise.resolve('task');
      };
      await images().resolve(request(image), signal);
      assert.match(output.lines[0] ?? '', /^Querying the index failed \(attempt 1\): Service Unavailable/);
      calls = -1;
      const error = await refusal(images().resolve(request(image), signal));
      assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
    });

    it('fail the task at once if it may not see them', async () => {
      queue.findTask = () =>
        Promise.reject(new ServiceError('taskcluster', 'index.findTask failed: HTTP 403: scopes', 403));
      const error = await refusal(images().resolve(request(image), signal));
      assert.deepEqual(error.resolution, { kind: 'failed' });
      assert.match(error.message, /HTTP 403: scopes \(index path "some\.path", 1 attempt\)/);
    });
  });
});
