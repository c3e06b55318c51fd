import assert from 'node:assert/strict';
import { mkdtemp, rm, unlink, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import type { LocalTaskclusterState } from '../../../src/local-taskcluster/server.js';
import { POOL, WORKER, statusCodeOf, taskDefinition } from './deployment.js';

describe('the saved state of a local Taskcluster', () => {
  let dataDir = '';
  let server: LocalTaskcluster | undefined;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'local-taskcluster-test-'));
    server = await LocalTaskcluster.start({ dataDir, longPollMs: 5000 });
  });
  afterEach(async () => {
    await server?.close();
    await rm(dataDir, { recursive: true });
  });

  const options = () => ({ rootUrl: server?.rootUrl ?? '', credentials: server?.credentials ?? {}, retries: 0 });
  const queue = (): Queue => new clients.Queue(options());
  const create = async (changes: object = {}): Promise<string> => {
    const taskId = newSlugid();
    await queue().createTask(taskId, taskDefinition(changes));
    return taskId;
  };
  /** Ends the server and starts another one with its state, as JSON text. */
  const restart = async (change: (state: object) => unknown = (state) => state): Promise<void> => {
    await server?.close();
    const text = JSON.stringify(server?.saveState());
    server = undefined;
    const state = change(JSON.parse(text) as object) as LocalTaskclusterState;
    server = await LocalTaskcluster.start({ dataDir, state, longPollMs: 5000 });
  };
  const upload = async (taskId: string, name: string): Promise<void> => {
    const expires = new Date(Date.now() + 600_000).toJSON();
    const s3 = { storageType: 's3', contentType: 'text/plain', expires };
    const { putUrl = '' } = await queue().createArtifact(taskId, 0, name, s3);
    await got.put(putUrl, { body: `content of ${name}`, headers: { 'content-encoding': 'made-up' } });
  };

  it('has the tasks with their runs, and the artifacts with their contents', async () => {
    const taskId = await create();
    await queue().claimTask(taskId, 0, WORKER);
    await upload(taskId, 'public/a b');
    await queue().reportCompleted(taskId, 0);
    const { status } = await queue().status(taskId);
    const definition = await queue().task(taskId);
    const { artifacts } = await queue().listArtifacts(taskId, 0);
    await restart();
    assert.deepEqual((await queue().status(taskId)).status, status);
    assert.deepEqual(await queue().task(taskId), definition);
    assert.deepEqual((await queue().listArtifacts(taskId, 0)).artifacts, artifacts);
    const { url = '' } = await queue().getArtifact(taskId, 0, 'public/a b');
    assert.ok(url.startsWith(server?.rootUrl ?? '-'));
    const answer = await got(url, { decompress: false });
    assert.equal(answer.body, 'content of public/a b');
    assert.equal(answer.headers['content-encoding'], 'made-up');
  });

  it('has objects of the object service, and the index', async () => {
    const taskId = await create({ routes: ['index.a.b'] });
    await queue().claimTask(taskId, 0, WORKER);
    const object = new clients.Object(options());
    const upload = { projectId: 'none', uploadId: newSlugid(), expires: new Date(Date.now() + 600_000).toJSON() };
    const objectData = Buffer.from('an object').toString('base64');
    const proposedUploadMethods = { dataInline: { contentType: 'text/plain', objectData } };
    await object.createUpload('some/object', { ...upload, proposedUploadMethods });
    await object.finishUpload('some/object', { projectId: 'none', uploadId: upload.uploadId });
    await queue().reportCompleted(taskId, 0);
    await restart();
    const download = await new clients.Object(options()).startDownload('some/object', {
      acceptDownloadMethods: { simple: true },
    });
    assert.equal(await got(download.url).text(), 'an object');
    assert.equal((await new clients.Index(options()).findTask('a.b')).taskId, taskId);
  });

  it('keeps what waits: pending tasks in their order, and dependencies', async () => {
    const first = await create();
    const second = await create();
    const done = await create({ taskQueueId: 'local/other' });
    const waiting = await create({ dependencies: [first, done] });
    await queue().claimTask(done, 0, WORKER);
    await queue().reportCompleted(done, 0);
    await restart();
    const claim = async (): Promise<string> => {
      const { tasks } = await queue().claimWork(POOL, { tasks: 1, ...WORKER });
      return tasks[0]?.status.taskId ?? '';
    };
    assert.deepEqual([await claim(), await claim()], [first, second]);
    assert.equal((await queue().status(waiting)).status.state, 'unscheduled');
    await queue().reportCompleted(first, 0);
    assert.equal(await claim(), waiting);
    const { tasks } = await queue().listDependentTasks(done);
    assert.deepEqual(
      tasks.map(({ status }) => status.taskId),
      [waiting],
    );
  });

  it('expires the claims of workers, whose credentials are worth nothing any more', async () => {
    const taskId = await create({ retries: 1 });
    await queue().claimTask(taskId, 0, WORKER);
    await restart();
    const { runs, retriesLeft } = (await queue().status(taskId)).status;
    assert.deepEqual(
      runs.map(({ state, reasonResolved }) => [state, reasonResolved]),
      [
        ['exception', 'claim-expired'],
        ['pending', undefined],
      ],
    );
    assert.equal(retriesLeft, 0);
  });

  it('keeps groups and their seals', async () => {
    const taskId = await create();
    await queue().sealTaskGroup(taskId);
    const group = await queue().getTaskGroup(taskId);
    await restart();
    assert.deepEqual(await queue().getTaskGroup(taskId), group);
    assert.equal(await statusCodeOf(create({ taskGroupId: taskId })), 409);
  });

  it('ends tasks whose deadline has passed meanwhile', async () => {
    const taskId = await create();
    const saved = server?.saveState();
    await server?.close();
    const later = (): Date => new Date(Date.now() + 2 * 3_600_000);
    server = await LocalTaskcluster.start({ dataDir, state: saved as LocalTaskclusterState, now: later });
    server.resolveDue();
    const { runs } = (await queue().status(taskId)).status;
    assert.equal(runs[0]?.reasonResolved, 'deadline-exceeded');
  });

  it('has neither secrets nor credentials', async () => {
    const expires = new Date(Date.now() + 600_000).toJSON();
    await new clients.Secrets(options()).set('a', { secret: { word: 'hush-hush' }, expires });
    server?.addClient({ clientId: 'someone', accessToken: 'a-long-access-token', scopes: [] });
    const taskId = await create();
    const claim = await queue().claimTask(taskId, 0, WORKER);
    const text = JSON.stringify(server?.saveState());
    const { accessToken } = claim.credentials;
    for (const secret of ['hush-hush', 'a-long-access-token', accessToken, server?.credentials.accessToken ?? '-']) {
      assert.ok(!text.includes(secret));
    }
  });

  it('is refused when its version is unknown', async () => {
    await assert.rejects(
      restart((state) => ({ ...state, version: 2 })),
      /the saved state has the format 2, but this version reads only format 1/,
    );
  });

  it('is refused when it is damaged, with what is wrong', async () => {
    await create();
    await assert.rejects(
      restart((state) => ({ ...state, index: undefined })),
      /the saved state is damaged: data must have required property 'index'/,
    );
  });

  it('is refused when a content is gone', async () => {
    const taskId = await create();
    await queue().claimTask(taskId, 0, WORKER);
    await upload(taskId, 'public/x');
    for (const name of await readdir(join(dataDir, 'objects'))) await unlink(join(dataDir, 'objects', name));
    await assert.rejects(restart(), new RegExp(`the content of ${taskId}/0/public/x, 19 bytes, is not at `));
  });

  it('is refused without a data directory', async () => {
    const state = server?.saveState() as LocalTaskclusterState;
    await assert.rejects(LocalTaskcluster.start({ state }), /a saved state needs the data directory/);
  });
});
