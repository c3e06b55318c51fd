import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import got from 'got';
import { load } from 'js-yaml';
import { extract } from 'tar-stream';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { StubbornEngine } from '../../support/stubborn-engine.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { HarnessOptions } from '../../support/worker-harness.js';

const SAVE = { features: { dockerSave: true } };
const IMAGE = 'public/dockerImage.tar';
const never = new AbortController().signal;

/** The name of the saved image of the task's first run. */
const imageName = (taskId: string): string => `${taskId.toLowerCase().replaceAll(/[_-]/g, '0')}-0:latest`;

describe('a task with dockerSave', () => {
  let directory: string;
  let harness: WorkerHarness;
  const start = async ({ settings = {}, ...options }: HarnessOptions = {}): Promise<void> => {
    const cache = { volumeCachePath: join(directory, 'caches') };
    harness = await WorkerHarness.start({ settings: { cache, ...settings }, ...options });
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'docker-save-'));
  });
  afterEach(async () => {
    await harness.close();
    await rm(directory, { recursive: true });
  });

  const bytesOf = async (taskId: string, artifact: string): Promise<Buffer> => {
    const { queue } = harness;
    const { headers, body } = await got(queue.buildSignedUrl(queue.getArtifact, taskId, 0, artifact), {
      responseType: 'buffer',
      decompress: false,
    });
    assert.equal(headers['content-type'], 'application/x-tar');
    assert.equal(headers['content-encoding'], 'gzip');
    return gunzipSync(body);
  };
  const headersOf = async (taskId: string, artifact: string) => {
    const headers = [];
    for await (const entry of new PassThrough().end(await bytesOf(taskId, artifact)).pipe(extract())) {
      headers.push(entry.header);
      entry.resume();
    }
    return headers;
  };
  const isInEngine = async (name: string): Promise<boolean> => {
    const images = await harness.docker.listImages({ filters: { reference: [name] } });
    return images.length > 0;
  };

  it('publishes its container as an image that the engine loads and runs, even if it is interactive', async () => {
    await start({ settings: { interactive: { ssl: false, minTime: 0, expirationAfterSession: 0 } } });
    for (const features of [SAVE.features, { ...SAVE.features, interactive: true }]) await loadsAndRuns(features);
  });

  const loadsAndRuns = async (features: object): Promise<void> => {
    const { taskId, run } = await harness.run({ features, ...shell('echo made by the task >/made; exit 3') });
    assert.equal(run.state, 'failed');
    const name = imageName(taskId);
    assert.equal(await isInEngine(name), false, 'the image is left in the engine');
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const expires = Date.parse(artifacts.find((artifact) => artifact.name === IMAGE)?.expires ?? '');
    assert.equal(expires, Date.parse((await harness.queue.task(taskId)).expires));

    const archive = new PassThrough().end(await bytesOf(taskId, IMAGE));
    const engine = new DockerodeEngine({ socketPath: '/var/run/docker.sock' });
    assert.deepEqual(await engine.loadImage(archive, never), { names: [name], ids: [] });
    const created = await engine.createContainer(minimalSpec(name, ['cat', '/made'], {}));
    try {
      let output = '';
      const { drained } = await created.attach(async (printed) => {
        output = await text(printed);
      }, never);
      assert.equal((await (await created.start()).wait(never)).exitCode, 0);
      await drained;
      assert.equal(output, 'made by the task\r\n');
      assert.ok(!(await harness.containers()).includes(created.id), 'it passes for one of the worker’s');
    } finally {
      await engine.removeContainer(created.id);
      await engine.removeImage(name);
    }
  };

  it('publishes its caches with links as links, wherever they point', async () => {
    await start();
    const { taskId, run, log } = await harness.run(
      {
        ...SAVE,
        ...shell(
          `cd /c && echo kept >file && ln -s /etc/shadow secret && ln -s / root && ln -s ../../../../.. up && mkdir sub &&
           ln -s ../file sub/inside && mkfifo fifo`,
        ),
        cache: { one: '/c/', 'two.x': '/builds/two' },
      },
      { scopes: ['docker-worker:cache:*'] },
    );
    assert.equal(run.state, 'completed', log);
    assert.match(log, /Saved the container as the image "public\/dockerImage\.tar"\./);
    assert.match(log, /Saved the cache "one" as "public\/cache\/one\.tar"\./);
    const found = (await headersOf(taskId, 'public/cache/one.tar')).map(({ name, type, linkname }) =>
      [name, type, linkname].filter(Boolean).join(' '),
    );
    assert.deepEqual(found.sort(), [
      './ directory',
      './fifo fifo',
      './file file',
      './root symlink /',
      './secret symlink /etc/shadow',
      './sub/ directory',
      './sub/inside symlink ../file',
      './up symlink ../../../../..',
    ]);
    assert.deepEqual(
      (await headersOf(taskId, 'public/cache/two.x.tar')).map(({ name }) => name),
      ['./'],
    );
  });

  it('keeps the artifacts for the configured time', async () => {
    await start({ settings: { dockerSave: { expiration: '1 minute' } } });
    const before = Date.now();
    const { taskId } = await harness.run(SAVE);
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const expires = Date.parse(artifacts.find((artifact) => artifact.name === IMAGE)?.expires ?? '');
    assert.ok(expires >= before + 60_000 && expires <= Date.now() + 60_000);
  });

  it('is refused when the feature is disabled', async () => {
    await start({ settings: { features: { dockerSave: { enabled: false } } } });
    const { run, log } = await harness.run(SAVE);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /dockerSave is not enabled on this worker/);
  });

  it('leaves no image when it is canceled while it is saved, and saves nothing unless requested', async () => {
    await start();
    const { taskId: other } = await harness.run({ features: { dockerSave: false } });
    assert.deepEqual(
      (await harness.artifactNames(other)).filter((name) => !name.startsWith('public/logs/')),
      [],
    );
    await harness.close();
    const engine = await StubbornEngine.start(directory, () => /^GET \/(v[\d.]+\/)?images\/[^ ]*\/get/);
    await start({ settings: { docker: { socketPath: engine.socketPath } } });
    try {
      const taskId = await harness.create(SAVE);
      await engine.ignored;
      assert.equal(await isInEngine(imageName(taskId)), true);
      await harness.queue.cancelTask(taskId);
      const { run } = await harness.finish(taskId);
      assert.equal(run.reasonResolved, 'canceled');
      await harness.stopWorker('graceful');
      assert.equal(await isInEngine(imageName(taskId)), false);
    } finally {
      await harness.stopWorker('immediate');
      await engine.close();
    }
  });

  it('runs the example', async () => {
    await start();
    const example = load(await readFile('examples/docker-save.yml', 'utf8')) as object;
    const { taskId, log } = await harness.run(example, { scopes: ['docker-worker:cache:example-builds'] });
    const names = await harness.artifactNames(taskId);
    assert.deepEqual(
      names.filter((name) => !name.startsWith('public/logs/')),
      ['public/cache/example-builds.tar', IMAGE],
      log,
    );
  });
});
