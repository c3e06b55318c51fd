import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { field } from '../../../support/cli-client.js';
import type { CliClient } from '../../../support/cli-client.js';
import { Deployment } from '../deployment.js';

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toJSON();

describe('the other local services with the calls of the command line client', () => {
  const deployment = new Deployment();
  let cli: CliClient;
  let anonymous: CliClient;
  beforeEach(() => {
    cli = deployment.cli();
    anonymous = deployment.anonymousCli();
  });

  it('answer pings and heartbeats, each service and all of them together', async () => {
    for (const service of [
      'auth',
      'queue',
      'object',
      'index',
      'secrets',
      'purge-cache',
      'worker-manager',
      'notify',
      'hooks',
    ]) {
      assert.equal(field((await anonymous.call(`${service} ping`)).body, 'alive'), true, service);
      assert.deepEqual((await anonymous.call(`${service} lbheartbeat`)).body, {});
      assert.deepEqual((await anonymous.call(`${service} heartbeat`)).body, {});
      const { body } = await anonymous.call(`${service} version`);
      assert.deepEqual(Object.keys(body as object).sort(), ['build', 'commit', 'source', 'version']);
      assert.deepEqual((await anonymous.send('get', '/__version__')).body, body);
    }
    assert.deepEqual((await anonymous.send('get', '/__heartbeat__')).body, {});
    assert.deepEqual((await anonymous.send('get', '/__lbheartbeat__')).body, {});
  });

  it('index tasks, and find them', async () => {
    const payload = { taskId: newSlugid(), rank: 0, data: {}, expires: inHours(1) };
    assert.equal((await cli.call('index insertTask', ['a.b.c'], { payload })).status, 200);
    assert.equal(field((await anonymous.call('index findTask', ['a.b.c'])).body, 'taskId'), payload.taskId);
    const indexes = { payload: { indexes: ['a.b.c', 'a.none'] } };
    const { body } = await anonymous.call('index findTasksAtIndex', [], indexes);
    assert.deepEqual(field(body, 'tasks'), [{ namespace: 'a.b.c', ...payload }]);
    assert.deepEqual((await anonymous.call('index findTasksAtIndex', [], { payload: {} })).body, { tasks: [] });
    const old = { payload: { indexPaths: ['a.b.c'] } };
    assert.equal((await anonymous.call('index findTasksAtIndex', [], old)).status, 400);
    assert.equal((await anonymous.call('index listTasks', ['a.b'])).status, 200);
    assert.equal((await anonymous.call('index listNamespaces', ['a'])).status, 200);
    // The root has an empty namespace in the path, or none.
    for (const path of ['/api/index/v1/namespaces/', '/api/index/v1/namespaces']) {
      assert.equal(
        (field((await anonymous.send('get', path)).body, 'namespaces') as readonly unknown[]).length,
        1,
        path,
      );
    }
    assert.equal((await cli.call('index deleteTask', ['a.b.c'])).status, 200);
    assert.equal((await anonymous.call('index findTask', ['a.b.c'])).status, 404);
    assert.equal((await anonymous.call('index findArtifactFromTask', ['a.b.c', 'public/x'])).status, 404);
  });

  it('store secrets', async () => {
    const payload = { secret: { key: 'value' }, expires: inHours(1) };
    assert.equal((await cli.call('secrets set', ['project/x/key'], { payload })).status, 200);
    assert.deepEqual((await cli.call('secrets get', ['project/x/key'])).body, payload);
    assert.equal((await anonymous.call('secrets get', ['project/x/key'])).status, 403);
    assert.deepEqual((await anonymous.call('secrets list')).body, { secrets: ['project/x/key'] });
    assert.equal((await cli.call('secrets remove', ['project/x/key'])).status, 200);
  });

  it('accept requests to purge caches', async () => {
    const payload = { cacheName: 'a cache' };
    assert.equal((await cli.call('purge-cache purgeCache', ['local/pool'], { payload })).status, 204);
    const { body } = await anonymous.call('purge-cache purgeRequests', ['local/pool'], {
      query: { since: inHours(-1) },
    });
    assert.equal((field(body, 'requests') as readonly unknown[]).length, 1);
    assert.equal((await anonymous.call('purge-cache allPurgeRequests')).status, 200);
  });

  it('store objects', async () => {
    const [name, uploadId] = ['dir/an object', newSlugid()];
    const upload = { projectId: 'project', uploadId };
    const putUrl = { contentType: 'text/plain', contentLength: 5 };
    const payload = { ...upload, expires: inHours(1), proposedUploadMethods: { putUrl } };
    const { body } = await cli.call('object createUpload', [name], { payload });
    const { url, headers } = (body as { uploadMethod: { putUrl: { url: string; headers: Record<string, string> } } })
      .uploadMethod.putUrl;
    assert.equal((await fetch(url, { method: 'PUT', headers, body: 'hello' })).status, 200);
    assert.equal((await cli.call('object finishUpload', [name], { payload: upload })).status, 200);
    for (const method of ['simple', 'getUrl']) {
      const accept = { payload: { acceptDownloadMethods: { [method]: true } } };
      const download = await cli.call('object startDownload', [name], accept);
      assert.equal(await (await fetch(String(field(download.body, 'url')))).text(), 'hello');
    }
    assert.equal((await cli.call('object object', [name])).status, 200);
    assert.equal((await cli.call('object download', [name])).status, 303);
  });

  it('validate notifications and send none', async () => {
    const email = { address: 'somebody@example.com', subject: 'Hello', content: 'Read me.' };
    const messages = [
      ['email', email],
      ['pulse', { routingKey: 'a.b', message: {} }],
      ['matrix', { roomId: '!room:example.com', body: 'Hello' }],
      ['slack', { channelId: 'C1', text: 'Hello', unfurlLinks: true }],
    ] as const;
    for (const [method, payload] of messages) {
      assert.equal((await cli.call(`notify ${method}`, [], { payload })).status, 200, method);
      assert.equal((await anonymous.call(`notify ${method}`, [], { payload })).status, 403, method);
      assert.equal((await cli.call(`notify ${method}`, [], { payload: { ...payload, bogus: 1 } })).status, 400, method);
    }
    const payload = { notificationType: 'email', notificationAddress: email.address };
    assert.equal((await cli.call('notify addDenylistAddress', [], { payload })).status, 200);
    assert.deepEqual((await cli.call('notify listDenylist')).body, { addresses: [payload] });
    const refusal = await cli.call('notify email', [], { payload: email });
    assert.deepEqual([refusal.status, field(refusal.body, 'code')], [400, 'DenylistedAddress']);
    assert.equal((await cli.call('notify deleteDenylistAddress', [], { payload })).status, 200);
    assert.equal((await cli.call('notify email', [], { payload: email })).status, 200);
  });

  it('have no hooks', async () => {
    assert.deepEqual((await anonymous.call('hooks listHookGroups')).body, { groups: [] });
    for (const [method, args] of [
      ['listHooks', ['group']],
      ['hook', ['group', 'a/hook']],
      ['getHookStatus', ['group', 'a/hook']],
      ['listLastFires', ['group', 'a/hook']],
    ] as const) {
      const { status, body } = await anonymous.call(`hooks ${method}`, args);
      assert.deepEqual([status, field(body, 'code')], [404, 'ResourceNotFound'], method);
      assert.match(String(field(body, 'message')), /there are no hooks/, method);
    }
  });
});
