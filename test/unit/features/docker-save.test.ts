import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { dockerSave } from '../../../src/lib/features/docker-save.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { entriesOf } from '../../support/tar-entries.js';

const IMAGE = 'public/dockerImage.tar';
const NAME = 'fn1sbarxtpsvfnuvaolinq-0:latest';
const NOW = new Date('2026-11-24T00:00:00.000Z');
const DAY_MS = 86_400_000;
const never = new AbortController().signal;

describe('the dockerSave feature', () => {
  let bench: ArtifactBench;
  let engine: FakeDockerEngine;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 2, manifest: false });
    engine = new FakeDockerEngine();
    engine.images.set('image', { id: 'sha256:image', entrypoint: [], command: [] });
    engine.programs.set('task', ({ writeFile }) => {
      writeFile('/cache/one', 'kept');
      return 0;
    });
  });
  afterEach(() => bench.stop());

  const feature = (expirationMs = DAY_MS) => dockerSave({ engine, now: () => NOW, expirationMs });
  /** Runs and saves a container. */
  const save = async (cache: Readonly<Record<string, string>> = {}, expirationMs?: number): Promise<void> => {
    const labels = { 'taskcluster.worker-id': 'me', 'taskcluster.task-id': 'task' };
    const created = await engine.createContainer(minimalSpec('image', ['task'], { labels }));
    const stopped = await (await created.start()).wait(never);
    await feature(expirationMs).attach(bench.task({ cache })).collect?.(stopped, never, 'exit');
  };
  const filesOf = (artifact: string) => entriesOf(Readable.from([bench.objects.content(artifact)]));

  it('is off unless a task requests it, and reserves its names', () => {
    assert.equal(feature().enabledByDefault, false);
    const reserved = feature().reservedArtifacts(bench.task({ cache: { one: '/one', 'two-x': '/two' } }));
    assert.deepEqual(reserved, [IMAGE, 'public/cache/one.tar', 'public/cache/two-x.tar']);
  });

  it('saves nothing of a container that could not start', async () => {
    const gone = { id: '', exitCode: -1, oomKilled: false } as const;
    const nothing = () => Promise.resolve(undefined);
    const container = { ...gone, getArchive: nothing, linkTarget: nothing };
    await feature()
      .attach(bench.task({ cache: { one: '/one' } }))
      .collect?.(container, never, 'not-started');
    assert.deepEqual(bench.queue.artifacts, []);
    assert.deepEqual(engine.trace.events, []);
  });

  it('saves a cache from where it is mounted, in any mode', async () => {
    await save({ one: '/cache/:ro' });
    assert.deepEqual(Object.values(await filesOf('public/cache/one.tar')), ['kept']);
  });

  it('publishes the container as an image, and its caches, compressed', async () => {
    await save({ one: '/cache/' });
    assert.deepEqual(JSON.parse((await filesOf(IMAGE))['manifest.json'] ?? ''), [{ RepoTags: [NAME] }]);
    assert.deepEqual(Object.values(await filesOf('public/cache/one.tar')), ['kept']);
    for (const artifact of [IMAGE, 'public/cache/one.tar']) {
      const expires = '2026-11-25T00:00:00.000Z';
      const contentLength = bench.objects.content(artifact).length;
      const request = { storageType: 's3', contentType: 'application/x-tar', contentLength, expires };
      assert.deepEqual(bench.queue.requestsFor(artifact), [request]);
      assert.equal(bench.objects.objects.get(artifact)?.headers['content-encoding'], 'gzip');
    }
    assert.deepEqual(bench.output.lines, [
      `Saved the container as the image "${IMAGE}".`,
      'Saved the cache "one" as "public/cache/one.tar".',
    ]);
  });

  it('keeps nothing for longer than the task', async () => {
    await save({}, 1000 * DAY_MS);
    assert.deepEqual(
      bench.queue.requestsFor(IMAGE).map(({ expires }) => expires),
      [EXPIRES],
    );
  });

  it('creates an image whose containers do not pass for the worker’s', async () => {
    await save();
    assert.deepEqual(engine.committed.get(NAME), {
      'taskcluster.worker-id': '',
      'taskcluster.worker-group': '',
      'taskcluster.worker-pool': '',
      'taskcluster.role': 'saved',
      'taskcluster.task-id': 'task',
    });
  });

  it('leaves no image after any failure', async () => {
    await save();
    assert.equal(engine.images.has(NAME), false);
    const broken = new DockerError('no space left on device', 500);
    engine.fail('save', broken);
    await assert.rejects(save(), broken);
    assert.equal(engine.images.has(NAME), false);
    engine.fail('commit', broken);
    await assert.rejects(save(), broken);
    bench.queue.fail('createArtifact', ...Array.from({ length: 10 }, () => new Error('the queue is away')));
    await assert.rejects(save(), /the queue is away/);
    assert.equal(engine.images.has(NAME), false);
  });

  it('reports a cache that was not saved because its name is invalid for an artifact', async () => {
    await save({ 'b\u00fccher': '/cache' });
    assert.equal(bench.output.lines[0], `Saved the container as the image "${IMAGE}".`);
    assert.match(bench.output.lines[1] ?? '', /"public\/cache\/b\u00fccher\.tar" was not uploaded/);
    assert.equal(bench.output.lines.length, 2);
  });

  it('saves again for a run whose worker died while saving, and replaces what that had made', async () => {
    engine.images.set(NAME, { id: 'sha256:left', entrypoint: [], command: [] });
    const created = await engine.createContainer(minimalSpec('image', ['task']));
    const stopped = await (await created.start()).wait(never);
    await feature().adopt?.(bench.task(), {}).collect?.(stopped, never, 'exit');
    const calls = ['engine.removeImage', 'engine.commit', 'engine.save', 'engine.removeImage'];
    assert.deepEqual(engine.trace.only('engine.removeImage', 'engine.commit', 'engine.save'), calls);
    assert.deepEqual(JSON.parse((await filesOf(IMAGE))['manifest.json'] ?? ''), [{ RepoTags: [NAME] }]);
  });

  it('removes the image of a worker that died while saving', async () => {
    const image = { id: 'sha256:left', entrypoint: [], command: [] };
    engine.images.set('a00b-3:latest', image);
    await feature().recover?.({ taskId: 'A_-b', runId: 3 });
    assert.equal(engine.images.has('a00b-3:latest'), false);
    await feature().recover?.({ taskId: 'A_-b', runId: 3 });
  });
});
