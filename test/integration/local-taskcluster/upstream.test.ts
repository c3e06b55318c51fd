import assert from 'node:assert/strict';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import type { UpstreamOptions } from '../../../src/local-taskcluster/server.js';
import { Deployment, WORKER, refusalOf, statusCodeOf, taskDefinition } from './deployment.js';

const READING =
  /^(?:queue\.(?:task|tasks|status|statuses|get\w+|list\w+|artifact\w*|latest\w+)|index\.find\w+|index\.list\w+|secrets\.get|hooks\.hook|objects\.GET)$/;

describe('a local Taskcluster with an upstream', () => {
  let more: Partial<UpstreamOptions> = {};
  const upstream = new Deployment();
  const local = new Deployment(() => ({ upstream: { rootUrl: `${upstream.server.rootUrl}/`, ...more } }));
  beforeEach(() => {
    more = {};
  });

  const index = (deployment: Deployment, credentials?: Record<string, never>) =>
    new clients.Index(deployment.clientOptions(credentials && { credentials }));
  const entry = (taskId: string) => ({
    ...{ taskId, rank: 0, data: {} },
    expires: new Date(Date.now() + 3_600_000).toJSON(),
  });
  /** The names of what upstream was asked from now on. */
  const asked = (act: () => Promise<unknown>): Promise<readonly string[]> => {
    upstream.server.calls.clear();
    return act().then(() => upstream.server.calls.list().map(({ call }) => call));
  };

  it('finds tasks there, and those that are here without asking', async () => {
    const there = await upstream.createTask();
    const here = await local.createTask();
    const anonymous = local.anonymousQueue();
    assert.deepEqual(await anonymous.task(there), await upstream.queue().task(there));
    assert.deepEqual(await anonymous.status(there), await upstream.queue().status(there));
    assert.deepEqual(await anonymous.listTaskGroup(there), await upstream.queue().listTaskGroup(there));
    assert.deepEqual(await anonymous.getTaskGroup(there), await upstream.queue().getTaskGroup(there));
    assert.deepEqual((await anonymous.listDependentTasks(there)).tasks, []);
    const calls = await asked(async () => {
      await anonymous.task(here);
      await anonymous.status(here);
      await anonymous.listTaskGroup(here);
      await anonymous.getTaskGroup(here);
    });
    assert.deepEqual(calls, []);
  });

  it('passes on the options of a call, but not the signature of its caller', async () => {
    const first = await upstream.createTask();
    const second = await upstream.createTask({ taskGroupId: first });
    const queue = local.queue();
    const page = await queue.listTaskGroup(first, { limit: 1 });
    assert.equal(page.tasks.length, 1);
    const next = await queue.listTaskGroup(first, { continuationToken: page.continuationToken ?? '' });
    const ids = [...page.tasks, ...next.tasks].map(({ status }) => status.taskId);
    assert.deepEqual(ids.sort(), [first, second].sort());
    const signed = queue.buildSignedUrl(queue.status, second);
    assert.equal((await got(signed).json<{ status: { taskId: string } }>()).status.taskId, second);
  });

  it('joins what both have', async () => {
    const [there, here] = [await upstream.createTask(), await local.createTask()];
    const taskIds = [there, here, newSlugid()];
    const queue = local.anonymousQueue();
    assert.deepEqual((await queue.tasks({ taskIds })).tasks.map(({ taskId }) => taskId).sort(), [there, here].sort());
    const { statuses } = await queue.statuses({ taskIds });
    assert.deepEqual(statuses.map(({ taskId }) => taskId).sort(), [there, here].sort());
    await index(upstream).insertTask('a.there', entry(there));
    await index(upstream).insertTask('a.both', entry(there));
    await index(local).insertTask('a.both', entry(here));
    const { tasks } = await index(local, {}).findTasksAtIndex({ indexes: ['a.there', 'a.both', 'a.none'] });
    assert.deepEqual(
      tasks.map(({ namespace, taskId }) => [namespace, taskId]),
      [
        ['a.both', here],
        ['a.there', there],
      ],
    );
    assert.deepEqual(await asked(() => queue.statuses({ taskIds: [here] })), []);
  });

  it('joins many at once, in parts, and pages', async () => {
    const taskIds = Array.from({ length: 600 }, () => newSlugid());
    const there = await upstream.createTask();
    const here = await local.createTask();
    const calls = await asked(async () => {
      const { statuses, continuationToken = '' } = await local
        .queue()
        .statuses({ taskIds: [...taskIds, there, here] }, { limit: 1 });
      const rest = await local.queue().statuses({ taskIds: [...taskIds, there, here] }, { continuationToken });
      const found = [...statuses, ...rest.statuses].map(({ taskId }) => taskId);
      assert.deepEqual(found, [there, here].sort());
    });
    assert.ok(calls.length > 2 && calls.every((call) => call === 'queue.statuses'));
  });

  it('lists first what is here, then the rest, page by page', async () => {
    const [there, here] = [newSlugid(), newSlugid()];
    for (const path of ['a.one', 'a.two', 'a.x.y', 'a.z.y']) await index(upstream).insertTask(path, entry(there));
    for (const path of ['a.two', 'a.three', 'a.x.y']) await index(local).insertTask(path, entry(here));
    const all = async (limit: number): Promise<string[]> => {
      const found: string[] = [];
      for (let token: string | undefined = ''; token !== undefined;) {
        const page: Awaited<ReturnType<ReturnType<typeof index>['listTasks']>> = await index(local, {}).listTasks('a', {
          limit,
          ...(token !== '' && { continuationToken: token }),
        });
        assert.ok(page.tasks.length <= limit);
        found.push(...page.tasks.map(({ namespace, taskId }) => `${namespace} ${taskId === here ? 'here' : 'there'}`));
        token = page.continuationToken;
      }
      return found;
    };
    const expected = ['a.three here', 'a.two here', 'a.one there'];
    for (const limit of [1, 2, 3, 1000]) assert.deepEqual(await all(limit), expected, `limit ${limit}`);
    const { namespaces } = await index(local, {}).listNamespaces('a');
    assert.deepEqual(
      namespaces.map(({ name }) => name),
      ['x', 'z'],
    );
  });

  it('finds indexed tasks and their artifacts there', async () => {
    const { taskId, queue } = await upstream.runTask({ routes: ['index.a.b'] });
    const expires = new Date(Date.now() + 600_000).toJSON();
    const s3 = { storageType: 's3', contentType: 'text/plain', expires };
    const { putUrl = '' } = await queue.createArtifact(taskId, 0, 'public/x', s3);
    await got.put(putUrl, { body: 'hello' });
    await queue.reportCompleted(taskId, 0);
    assert.equal((await index(local, {}).findTask('a.b')).taskId, taskId);
    const address = `${local.server.rootUrl}/api/index/v1/task/a.b/artifacts/public/x`;
    const { statusCode, headers } = await got(address, { followRedirect: false });
    const inQueue = `${local.server.rootUrl}/api/queue/v1/task/${taskId}/artifacts/public%2Fx`;
    assert.deepEqual([statusCode, headers.location], [303, inQueue]);
    assert.equal(await got(address).text(), 'hello');
  });

  it('describes artifacts there', async () => {
    const { taskId, queue } = await upstream.runTask();
    const expires = new Date(Date.now() + 600_000).toJSON();
    const url = 'https://example.com/';
    const reference = { storageType: 'reference', contentType: 'text/plain', url, expires };
    await queue.createArtifact(taskId, 0, 'public/x', reference);
    const anonymous = local.anonymousQueue();
    assert.deepEqual(await anonymous.listArtifacts(taskId, 0), await queue.listArtifacts(taskId, 0));
    assert.deepEqual(await anonymous.listLatestArtifacts(taskId), await queue.listLatestArtifacts(taskId));
    assert.deepEqual(
      await anonymous.artifactInfo(taskId, 0, 'public/x'),
      await queue.artifactInfo(taskId, 0, 'public/x'),
    );
    assert.equal((await anonymous.latestArtifactInfo(taskId, 'public/x')).storageType, 'reference');
  });

  it('says that neither has something', async () => {
    const taskId = newSlugid();
    const refusal = await refusalOf(local.queue().task(taskId));
    assert.deepEqual([refusal.statusCode, refusal.code], [404, 'ResourceNotFound']);
    const expected = `There is no task ${taskId}. ${upstream.server.rootUrl} has none either.`;
    assert.equal(refusal.message.split('\n')[0], expected);
    assert.equal(await statusCodeOf(index(local).findTask('a.none')), 404);
    const hook = await got(`${local.server.rootUrl}/api/hooks/v1/hooks/a/b`, { throwHttpErrors: false });
    assert.match(hook.body, /There is no hook a\/b.* has none either/);
  });

  it('does not ask for runs and artifacts that a task here does not have yet', async () => {
    const { taskId } = await local.runTask();
    const calls = await asked(async () => {
      assert.equal(await statusCodeOf(local.queue().getLatestArtifact(taskId, 'public/logs/live.log')), 404);
      assert.equal(await statusCodeOf(local.queue().listArtifacts(taskId, 7)), 404);
    });
    assert.deepEqual(calls, []);
  });

  it('requires the same scopes as for tasks here, without asking', async () => {
    const taskId = await upstream.createTask();
    local.server.addRole('anonymous', ['queue:status:*']);
    const calls = await asked(async () => {
      const anonymous = local.anonymousQueue();
      assert.equal(await statusCodeOf(anonymous.task(taskId)), 403);
      assert.equal(await statusCodeOf(anonymous.tasks({ taskIds: [taskId] })), 403);
      assert.equal(await statusCodeOf(anonymous.getArtifact(taskId, 0, 'public/x')), 403);
      assert.equal(await statusCodeOf(index(local, {}).listTasks('a')), 403);
      assert.equal(await statusCodeOf(index(local, {}).findTasksAtIndex({ indexes: ['a'] })), 403);
    });
    assert.deepEqual(calls, []);
  });

  it('changes nothing there', async () => {
    const taskId = await upstream.createTask();
    const status = await upstream.queue().status(taskId);
    const calls = await asked(async () => {
      const queue = local.queue();
      assert.equal(await statusCodeOf(queue.cancelTask(taskId)), 404);
      assert.equal(await statusCodeOf(queue.rerunTask(taskId)), 404);
      assert.equal(await statusCodeOf(queue.scheduleTask(taskId)), 404);
      assert.equal(await statusCodeOf(queue.sealTaskGroup(taskId)), 404);
      assert.equal(await statusCodeOf(queue.claimTask(taskId, 0, WORKER)), 404);
      assert.equal(await statusCodeOf(queue.createTask(newSlugid(), taskDefinition({ dependencies: [taskId] }))), 400);
      await queue.task(taskId);
    });
    assert.deepEqual(
      calls.filter((call) => !READING.test(call)),
      [],
    );
    assert.deepEqual(await upstream.queue().status(taskId), status);
  });

  describe('with credentials for it', () => {
    const CLIENT = { clientId: 'me', accessToken: 'a-long-access-token' };
    const give = async (
      scopes: readonly string[],
      options: Partial<UpstreamOptions> = {},
    ): Promise<LocalTaskcluster> => {
      upstream.server.addRole('anonymous', []);
      upstream.server.addClient({ ...CLIENT, scopes });
      const { rootUrl } = upstream.server;
      server = await LocalTaskcluster.start({ upstream: { rootUrl, credentials: CLIENT, ...options } });
      return server;
    };
    let server: LocalTaskcluster | undefined;
    afterEach(() => server?.close());
    const queueOf = ({ rootUrl, credentials }: LocalTaskcluster) =>
      new clients.Queue({ rootUrl, credentials, retries: 0 });

    it('reads what they allow', async () => {
      const taskId = await upstream.createTask();
      upstream.server.addRole('anonymous', []);
      const refusal = await refusalOf(local.queue().task(taskId));
      assert.equal(refusal.statusCode, 403);
      assert.match(refusal.message, new RegExp(`queue\\.task: it needs queue:get-task:${taskId}, and no credentials`));
      const queue = queueOf(await give(['queue:get-task:*', 'queue:status:*']));
      assert.equal((await queue.task(taskId)).taskQueueId, 'local/pool');
      assert.equal((await queue.statuses({ taskIds: [taskId] })).statuses.length, 1);
      const other = await refusalOf(queue.listTaskGroup(taskId));
      assert.equal(other.statusCode, 403);
      assert.match(other.message, /the credentials given for it do not have queue:list-task-group:/);
      assert.ok(!other.message.includes(CLIENT.accessToken) && !other.message.includes('queue:get-task'));
    });

    it('reads secrets only when that is wanted', async () => {
      const expires = new Date(Date.now() + 600_000).toJSON();
      await new clients.Secrets(upstream.clientOptions()).set('a/b', { secret: { word: 'hush' }, expires });
      const read = async (options: Partial<UpstreamOptions>) => {
        const { rootUrl, credentials } = await give(['secrets:get:*'], options);
        return new clients.Secrets({ rootUrl, credentials, retries: 0 }).get('a/b');
      };
      assert.equal(await statusCodeOf(read({})), 404);
      await server?.close();
      assert.deepEqual((await read({ secrets: true })).secret, { word: 'hush' });
    });
  });

  it('does not start with an address or a certificate that can not be right', async () => {
    const start = (options: UpstreamOptions) => LocalTaskcluster.start({ upstream: options });
    await assert.rejects(start({ rootUrl: 'tc.example.com' }), /"tc\.example\.com" is not a root URL/);
    const credentials = { clientId: 'a', accessToken: 'b', certificate: '{' };
    await assert.rejects(start({ rootUrl: 'https://tc.example.com', credentials }), /the certificate .* is not JSON/);
  });
});
