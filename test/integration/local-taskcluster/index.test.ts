import assert from 'node:assert/strict';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Index } from 'taskcluster-client';
import { Deployment, ManualClock, refusalOf, statusCodeOf } from './deployment.js';

describe('the index of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => {
    clock = new ManualClock();
    return { now: clock.now };
  });
  let index: Index;
  let anonymous: Index;
  beforeEach(() => {
    index = new clients.Index(deployment.clientOptions());
    anonymous = new clients.Index(deployment.clientOptions({ credentials: {} }));
  });

  const inMinutes = (minutes: number): string => new Date(clock.now().getTime() + minutes * 60_000).toJSON();
  const entry = (changes: object = {}) => ({
    taskId: newSlugid(),
    rank: 0,
    data: { some: 'thing' },
    expires: inMinutes(60),
    ...changes,
  });
  const insert = (path: string, changes: object = {}) => index.insertTask(path, entry(changes));

  it('finds inserted tasks, even without credentials', async () => {
    const inserted = entry();
    const expected = { namespace: 'a.b.c', ...inserted };
    assert.deepEqual(await index.insertTask('a.b.c', inserted), expected);
    assert.deepEqual(await anonymous.findTask('a.b.c'), expected);
    assert.equal(await statusCodeOf(anonymous.findTask('a.b')), 404);
  });

  it('keeps the task with the highest rank, and the latest of equal ranks', async () => {
    const ranks: (readonly [number, number])[] = [];
    for (const rank of [5, 3, 5, 7]) {
      const request = entry({ rank });
      const stored = await index.insertTask('a.b', request);
      ranks.push([stored.rank, stored.taskId === request.taskId ? rank : -1]);
    }
    assert.deepEqual(ranks, [
      [5, 5],
      [5, -1],
      [5, 5],
      [7, 7],
    ]);
  });

  it('drops expired and deleted tasks', async () => {
    await insert('a.b', { rank: 5, expires: inMinutes(1) });
    await insert('a.c');
    clock.advance(2);
    assert.equal(await statusCodeOf(index.findTask('a.b')), 404);
    await insert('a.b', { rank: 1 });
    assert.equal((await index.findTask('a.b')).rank, 1);
    await index.deleteTask('a.c');
    assert.equal(await statusCodeOf(index.findTask('a.c')), 404);
  });

  it('lists the direct children of a namespace and of the root', async () => {
    for (const path of ['top', 'a.one', 'a.two', 'a.deep.x', 'a.deep.y', 'ab.z']) await insert(path);
    await insert('a.deep.z', { expires: inMinutes(90) });
    const { tasks } = await anonymous.listTasks('a');
    assert.deepEqual(
      tasks.map(({ namespace }) => namespace),
      ['a.one', 'a.two'],
    );
    const { namespaces } = await anonymous.listNamespaces('a');
    assert.deepEqual(namespaces, [{ namespace: 'a.deep', name: 'deep', expires: inMinutes(90) }]);
    const root = await anonymous.listNamespaces('');
    assert.deepEqual(
      root.namespaces.map(({ name }) => name),
      ['a', 'ab'],
    );
    assert.deepEqual(
      (await anonymous.listTasks('')).tasks.map(({ namespace }) => namespace),
      ['top'],
    );
  });

  it('lists page by page', async () => {
    for (const path of ['a.three', 'a.one', 'a.two']) await insert(path);
    const first = await index.listTasks('a', { limit: 2 });
    assert.equal(first.tasks.length, 2);
    const { continuationToken = '' } = first;
    const second = await index.listTasks('a', { limit: 2, continuationToken });
    assert.deepEqual(
      [...first.tasks, ...second.tasks].map(({ namespace }) => namespace),
      ['a.one', 'a.three', 'a.two'],
    );
    assert.equal(second.continuationToken, undefined);
    assert.equal(await statusCodeOf(index.listTasks('a', { limit: 0 })), 400);
  });

  it('finds several tasks at once', async () => {
    const { taskId } = await insert('a.one');
    const { tasks } = await anonymous.findTasksAtIndex({ indexes: ['a.one', 'a.none'] });
    assert.deepEqual(
      tasks.map((task) => task.taskId),
      [taskId],
    );
  });

  it('requires scopes and refuses invalid requests', async () => {
    const refusal = await refusalOf(anonymous.insertTask('a.b', entry()));
    assert.equal(refusal.statusCode, 403);
    assert.match(refusal.message, /index:insert-task:a\.b/);
    assert.equal(await statusCodeOf(anonymous.deleteTask('a.b')), 403);
    assert.equal(await statusCodeOf(insert('a.b', { bogus: 1 })), 400);
    assert.equal(await statusCodeOf(insert('a..b')), 400);
  });

  describe('asked for an artifact', () => {
    const publish = async (name: string): Promise<void> => {
      const { taskId, queue } = await deployment.runTask({}, clock.now());
      const expires = inMinutes(60);
      const s3 = { storageType: 's3', contentType: 'text/plain', expires };
      const { putUrl = '' } = await queue.createArtifact(taskId, 0, name, s3);
      await got.put(putUrl, { body: 'hello' });
      const link = { storageType: 'link', artifact: name, expires };
      await queue.createArtifact(taskId, 0, 'private/link', link);
      await insert('a.build', { taskId });
    };
    const addressFor = (name: string, scopes: readonly string[]): string => {
      const credentials = { clientId: 'reader', accessToken: 'a-long-secret' };
      deployment.server.addClient({ ...credentials, scopes });
      const reader = new clients.Index(deployment.clientOptions({ credentials }));
      return reader.buildSignedUrl(reader.findArtifactFromTask, 'a.build', name);
    };
    const statusOf = async (address: string) => (await got(address, { throwHttpErrors: false })).statusCode;

    it('redirects to that of the latest run', async () => {
      await publish('public/dir/x');
      const address = `${deployment.server.rootUrl}/api/index/v1/task/a.build/artifacts/public/dir/x`;
      assert.equal(await got(address).text(), 'hello');
      const { taskId } = await index.findTask('a.build');
      const inQueue = `${deployment.server.rootUrl}/api/queue/v1/task/${taskId}/artifacts/public%2Fdir%2Fx`;
      const { statusCode, headers, body } = await got(address, { followRedirect: false });
      assert.deepEqual([statusCode, headers.location], [303, inQueue]);
      assert.deepEqual(JSON.parse(body), { storageType: 's3', url: inQueue });
      assert.equal(await statusOf(address.replace('a.build', 'a.none')), 404);
      assert.equal(await statusOf(address.replace('dir/x', 'dir/none')), 404);
    });

    it('redirects straight to the target of a public reference', async () => {
      const { taskId, queue } = await deployment.runTask({}, clock.now());
      const url = 'https://example.com/elsewhere';
      const reference = { storageType: 'reference', contentType: 'text/plain', url, expires: inMinutes(60) };
      await queue.createArtifact(taskId, 0, 'public/x', reference);
      await queue.createArtifact(taskId, 0, 'private/x', reference);
      const link = { storageType: 'link', artifact: 'private/x', expires: inMinutes(60) };
      await queue.createArtifact(taskId, 0, 'public/link', link);
      await insert('a.build', { taskId });
      const { rootUrl } = deployment.server;
      const locationOf = async (name: string) =>
        (await got(`${rootUrl}/api/index/v1/task/a.build/artifacts/${name}`, { followRedirect: false })).headers
          .location;
      assert.equal(await locationOf('public/x'), url);
      assert.equal(await locationOf('public/link'), `${rootUrl}/api/queue/v1/task/${taskId}/artifacts/public%2Flink`);
    });

    it('requires the scope for a private one', async () => {
      await publish('private/x');
      assert.equal(await statusCodeOf(anonymous.findArtifactFromTask('a.build', 'private/x')), 403);
      assert.equal(await got(addressFor('private/x', ['queue:get-artifact:private/x'])).text(), 'hello');
      assert.equal(await got(addressFor('private/link', ['queue:*'])).text(), 'hello');
      assert.equal(await statusOf(addressFor('private/x', ['queue:get-artifact:private/link'])), 403);
    });

    it('does not follow a link to one that the caller may not read', async () => {
      await publish('private/x');
      assert.equal(await statusOf(addressFor('private/link', ['queue:get-artifact:private/link'])), 403);
    });
  });
});
