import assert from 'node:assert/strict';
import { NAME_RULE } from '../../../src/lib/artifacts/artifact-name.js';
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ArtifactContent } from '../../../src/lib/artifacts/artifact-store.js';
import { TaskStopped } from '../../../src/lib/outcome/errors.js';
import { resolutionName } from '../../../src/lib/outcome/resolution.js';
import { resolutionOf } from '../../../src/lib/outcome/resolution-of.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { faults } from '../../fakes/fake-object-store.js';
import { conflict, outage } from '../../fakes/fake-queue.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

const MiB = 1024 * 1024;
const never = new AbortController().signal;

describe('ArtifactStore with failing services', () => {
  let bench: ArtifactBench;

  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 4 });
  });
  afterEach(() => bench.stop());

  const artifact = (changes: Partial<ArtifactContent> = {}): ArtifactContent => ({
    name: 'public/a.txt',
    contentType: 'text/plain',
    contentEncoding: 'gzip',
    expires: EXPIRES,
    ...changes,
  });
  const upload = (content: string | Buffer, changes: Partial<ArtifactContent> = {}, signal = never) =>
    bench.store.upload(artifact(changes), Readable.from([content]), signal);

  /** The error an upload ends with, and the resolution it stands for. */
  const failure = async (uploaded: Promise<void>): Promise<{ message: string; resolution: string }> => {
    const error: unknown = await uploaded.then(
      () => assert.fail('the upload succeeded'),
      (reason: unknown) => reason,
    );
    return { message: (error as Error).message, resolution: resolutionName(resolutionOf(error)) };
  };

  it('retries retryable failures, which the operator is told', async () => {
    bench.queue.fail('createArtifact', outage(), new ServiceError('taskcluster', 'no answer'));
    bench.objects.faults.push(faults.status(500), faults.reset, faults.silence, faults.status(429));
    bench.objects.faults.push(faults.status(400, '<Error><Code>RequestTimeout</Code></Error>'));
    await upload('at last');
    assert.equal(bench.objects.text('public/a.txt'), 'at last');
    assert.match(bench.metrics.counted.join(), /^artifact \d+$/, 'one upload, however many attempts');
    const retries = bench.log.of('retrying artifact upload');
    assert.equal(retries.length, 7);
    assert.deepEqual(
      retries.map(({ fields }) => [fields['name'], fields['attempt']]),
      [1, 2, 3, 4, 5, 6, 7].map((attempt) => ['public/a.txt', attempt]),
    );
  });

  for (const [what, fault] of [
    ['401', faults.status(401)],
    ['403', faults.status(403)],
    ['expired', faults.status(400, '<Error><Code>ExpiredToken</Code></Error>')],
  ] as const) {
    it(`requests a fresh address if the old one is refused (${what})`, async () => {
      bench.objects.faults.push(fault);
      await upload('at last');
      assert.deepEqual(bench.objects.puts, [
        '/public%2Fa.txt?signature=secret-1',
        '/public%2Fa.txt?signature=secret-2',
      ]);
    });
  }

  it('keeps the address while it is accepted', async () => {
    bench.objects.faults.push(faults.status(500));
    await upload('at last');
    assert.equal(bench.queue.requestsFor('public/a.txt').length, 1);
  });

  it('waits for an unavailable queue as long as the run lasts, and reports it once', async () => {
    const away = Array.from(
      { length: 40 },
      () => new ServiceError('taskcluster', 'queue.createArtifact failed: HTTP 502: Bad', 502),
    );
    bench.queue.fail('createArtifact', ...away);
    await Promise.all([1, 2, 3].map((n) => upload('at last', { name: `public/${n}` })));
    assert.equal(bench.objects.objects.size, 3);
    assert.deepEqual(
      bench.output.lines.map((line) => line.replace(/\d+ s/, 'N s')),
      [
        'Uploads wait: queue.createArtifact failed: HTTP 502: Bad. ' +
          'The worker retries until they succeed or the run has to end.',
        'Uploads resumed after N s.',
      ],
    );
    assert.deepEqual(bench.output.errors, []);
    assert.equal(bench.log.of('artifact uploads wait').length, 1);
    assert.equal(bench.log.of('artifact uploads resumed').length, 1);
    assert.equal(bench.log.of('retrying artifact upload').filter(({ level }) => level === 'warn').length, 3);
    assert.equal(bench.store.waitingFor, undefined);
  });

  it('waits for an unavailable store until the run is stopped, and knows what it waited for', async () => {
    const stop = new AbortController();
    const reason = new TaskStopped('reclaim-failed');
    let puts = 0;
    const away = (request: IncomingMessage, response: ServerResponse): void => {
      bench.objects.faults.push(away);
      if (++puts === 30) stop.abort(reason);
      faults.status(503)(request, response);
    };
    bench.objects.faults.push(away);
    await assert.rejects(upload('x', {}, stop.signal), reason);
    assert.equal(bench.store.waitingFor, 'the artifact store answered 503 Service Unavailable');
    assert.equal(bench.log.of('artifact uploads wait').length, 1);
    assert.equal(bench.log.of('artifact uploads resumed').length, 0);
  });

  it('does not tell the author about a failure whose first retry succeeds', async () => {
    bench.queue.fail('createArtifact', outage());
    await upload('x');
    assert.deepEqual(bench.output.lines, []);
    assert.deepEqual(bench.log.of('artifact uploads wait'), []);
  });

  it('does not tell the author that a link waits', async () => {
    bench.queue.fail('createArtifact', outage(), outage(), outage());
    await bench.store.link({ name: 'l', artifact: 'a', contentType: 'text/plain', expires: EXPIRES }, never);
    assert.deepEqual(bench.output.lines, []);
  });

  it('blames the worker if the store refuses ten fresh addresses', async () => {
    bench.objects.faults.push(...Array.from({ length: 10 }, () => faults.status(403)));
    assert.deepEqual(await failure(upload('x')), {
      resolution: 'internal-error',
      message: 'Artifact "public/a.txt" could not be uploaded: the artifact store answered 403 Forbidden',
    });
    assert.equal(bench.objects.puts.length, 10);
    assert.deepEqual(bench.metrics.counted, ['artifact failed']);
  });

  it('waits no longer once an upload has failed for good, and announces the next outage', async () => {
    bench.objects.faults.push(...Array.from({ length: 10 }, () => faults.status(403)));
    await failure(upload('x'));
    assert.equal(bench.store.waitingFor, undefined);
    bench.queue.fail('createArtifact', outage(), outage());
    await upload('y');
    assert.deepEqual(
      bench.output.lines.map((line) => line.replace(/(Uploads wait: ).*/, '$1…').replace(/after \d+ s/, 'after N s')),
      ['Uploads wait: …', 'Uploads resumed after N s.', 'Uploads wait: …', 'Uploads resumed after N s.'],
    );
  });

  for (const statusCode of [400, 403, 404]) {
    it(`fails at once if the queue refuses with ${statusCode}`, async () => {
      bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'no', statusCode));
      const { message } = await failure(upload('x'));
      assert.equal(message, 'Artifact "public/a.txt" could not be uploaded: the queue refused it: no');
      assert.equal(bench.queue.trace.count('queue.createArtifact'), 1);
    });
  }

  it('fails at once on a permanent error', async () => {
    bench.objects.faults.push(faults.status(404));
    assert.equal((await failure(upload('x'))).resolution, 'internal-error');
    assert.equal(bench.objects.puts.length, 1);
  });

  it('does not follow redirects of a store', async () => {
    bench.objects.faults.push((request, response) => {
      request.resume();
      response.writeHead(307, { Location: 'http://169.254.169.254/' }).end();
    });
    assert.equal((await failure(upload('x'))).resolution, 'internal-error');
  });

  for (const code of ['EntityTooLarge', 'KeyTooLongError']) {
    it(`fails the task for content that the store never accepts (${code})`, async () => {
      bench.objects.faults.push(faults.status(400, `<Error><Code>${code}</Code></Error>`));
      assert.equal((await failure(upload('x'))).resolution, 'failed');
    });
  }

  it('fails the task if the queue finds the artifact invalid', async () => {
    bench.queue.fail('createArtifact', new ServiceError('taskcluster', 'expires must be before task.expires', 400));
    assert.deepEqual(await failure(upload('x')), {
      resolution: 'failed',
      message:
        'Artifact "public/a.txt" could not be uploaded: the queue refused it: expires must be before task.expires',
    });
  });

  it('stops if the queue says that the run is over', async () => {
    bench.queue.resolved = true;
    bench.queue.fail('createArtifact', conflict());
    const uploaded = upload('x');
    await assert.rejects(uploaded, (error) => error instanceof TaskStopped);
    assert.equal(bench.objects.puts.length, 0);
  });

  it('fails the task if a different artifact of that name exists', async () => {
    bench.queue.fail('createArtifact', conflict());
    const { message, resolution } = await failure(upload('x'));
    assert.equal(resolution, 'failed');
    assert.match(message, /already has an artifact of that name/);
  });

  it('throws the error of its source and stores nothing', async () => {
    const source = Readable.from(
      (async function* () {
        yield randomBytes(2 * MiB);
        await Promise.resolve();
        throw new Error('the source broke');
      })(),
      { objectMode: false },
    );
    await assert.rejects(bench.store.upload(artifact(), source, never), /^Error: the source broke$/);
    assert.equal(bench.queue.artifacts.length, 0);
  });

  it('reports an invalid artifact name in the log', async () => {
    await upload('x', { name: 'public/ü\n.txt' });
    assert.deepEqual(bench.output.lines, [`Artifact "public/ü\\n.txt" was not uploaded: ${NAME_RULE}`]);
    assert.equal(bench.queue.artifacts.length, 0);
  });

  describe('when the run is stopped', () => {
    let stop: AbortController;
    const reason = new TaskStopped('worker-shutdown');

    beforeEach(() => {
      stop = new AbortController();
    });

    it('aborts a PUT at once', async () => {
      bench.objects.faults.push((request) => {
        request.resume();
        stop.abort(reason);
      });
      await assert.rejects(upload('x', {}, stop.signal), reason);
      assert.deepEqual(bench.metrics.counted, []);
    });

    it('stops reading a source at once', async () => {
      const source = new Readable({
        read() {
          stop.abort(reason);
        },
      });
      await assert.rejects(bench.store.upload(artifact(), source, stop.signal), reason);
      assert.equal(source.destroyed, true);
    });

    it('does not start', async () => {
      stop.abort(reason);
      await assert.rejects(upload('x', {}, stop.signal), reason);
      assert.equal(bench.queue.artifacts.length, 0);
    });
  });

  describe('with long content that need not be compressed', () => {
    beforeEach(async () => {
      await bench.stop();
      bench = await ArtifactBench.start({ concurrency: 4, maxStagedBytes: 0 });
    });

    const content = randomBytes(3 * MiB);
    const uploadComing = (stream: Readable, signal = never): Promise<void> =>
      bench.store.upload(artifact({ contentEncoding: 'identity' }), { stream, size: content.length }, signal);

    it('sends the beginning while the rest is still to come', async () => {
      let isOver = (): void => undefined;
      const hasBegun = new Promise<void>((resolve) => (isOver = resolve));
      bench.objects.faults.push((request) => {
        request.once('data', isOver);
        request.resume();
        request.on('end', () => request.socket.resetAndDestroy());
      });
      async function* source(): AsyncGenerator<Buffer> {
        yield content.subarray(0, 2 * MiB);
        await hasBegun;
        yield content.subarray(2 * MiB);
      }
      await uploadComing(Readable.from(source(), { objectMode: false }));
      assert.ok(bench.objects.content('public/a.txt').equals(content), 'the second attempt has all of it');
      const sha256 = createHash('sha256').update(content).digest('hex');
      assert.deepEqual(bench.store.manifest.get('public/a.txt'), { sha256 });
    });

    it('fails as its source does, without a retry', async () => {
      const broken = new DockerError('the source broke off');
      async function* source(): AsyncGenerator<Buffer> {
        yield content.subarray(0, 2 * MiB);
        await Promise.resolve();
        throw broken;
      }
      await assert.rejects(uploadComing(Readable.from(source(), { objectMode: false })), broken);
      assert.deepEqual(bench.log.of('retrying artifact upload'), []);
      assert.deepEqual([...bench.objects.objects.keys()], []);
    });

    it('releases its source if the store refuses it', async () => {
      bench.objects.faults.push(faults.status(413));
      const source = new Readable({ read: () => undefined });
      source.push(content.subarray(0, 2 * MiB));
      const { message } = await failure(uploadComing(source));
      assert.match(message, /the artifact store answered 413/);
      assert.ok(source.destroyed);
    });

    it('ends with the run', async () => {
      const end = new AbortController();
      bench.objects.faults.push((request) => {
        request.once('data', () => {
          end.abort(new Error('canceled'));
        });
        request.resume();
      });
      const source = new Readable({ read: () => undefined });
      source.push(content.subarray(0, 2 * MiB));
      await assert.rejects(uploadComing(source, end.signal), /canceled/);
      assert.ok(source.destroyed);
    });
  });
});
