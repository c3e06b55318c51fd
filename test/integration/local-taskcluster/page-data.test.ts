import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { nice as newSlugid } from 'slugid';
import type { Queue } from 'taskcluster-client';
import { Deployment, taskDefinition } from './deployment.js';
import { PageVisitor, SmallBundle } from './page-visitor.js';

const inAnHour = (): string => new Date(Date.now() + 3_600_000).toJSON();

describe('what the page of the local Taskcluster shows', () => {
  const bundle = new SmallBundle();
  const deployment = new Deployment(() => ({ page: { directory: bundle.directory } }));
  let visitor: PageVisitor;
  const closing: (() => void)[] = [];
  beforeEach(async () => {
    visitor = new PageVisitor(deployment.server);
    await visitor.enter();
  });
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  const json = async (path: string): Promise<unknown> => JSON.parse((await visitor.visit(path)).body) as unknown;

  /** Serves something at an address of its own. */
  const served = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`;
  };

  const refer = async (queue: Queue, taskId: string, url: string): Promise<void> => {
    const expires = inAnHour();
    const artifact = { storageType: 'reference', contentType: 'text/plain', expires, url };
    await queue.createArtifact(taskId, 0, 'public/logs/live.log', artifact);
  };

  it('lists the groups with the states of their tasks, newest first', async () => {
    const [older, newer] = [newSlugid(), newSlugid()];
    await deployment.createTask({ taskGroupId: older });
    await deployment.createTask({ taskGroupId: older, dependencies: [await deployment.createTask()] });
    await deployment.createTask({ taskGroupId: newer });
    const { groups } = (await json('/page/api/groups')) as {
      readonly groups: readonly { readonly taskGroupId: string; readonly name: string; readonly counts: object }[];
    };
    assert.equal(groups.length, 3);
    assert.equal(groups[0]?.taskGroupId, newer);
    assert.deepEqual([groups[2]?.taskGroupId, groups[2]?.name], [older, 'a task']);
    const none = { running: 0, completed: 0, failed: 0, exception: 0 };
    assert.deepEqual(groups[2]?.counts, { ...none, pending: 1, unscheduled: 1 });
  });

  it('tells of each change of the tasks that were asked for', async () => {
    const taskGroupId = newSlugid();
    const response = await visitor.open(`/page/events?taskGroupId=${taskGroupId}`);
    assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8');
    const events = eventsOf(response);
    await deployment.createTask();
    const taskId = await deployment.createTask({ taskGroupId });
    await deployment.queue().cancelTask(taskId);
    const seen = [(await events.next()).value, (await events.next()).value];
    assert.deepEqual(
      seen.map((event) => [event?.taskId, event?.taskGroupId, event?.status.state]),
      [
        [taskId, taskGroupId, 'pending'],
        [taskId, taskGroupId, 'exception'],
      ],
    );
    response.destroy();
  });

  it('streams a log while it grows, and hides the address that the worker gave it', async () => {
    const { taskId, queue } = await deployment.runTask();
    let finish = (): void => undefined;
    await refer(
      queue,
      taskId,
      await served((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.write('<script>first</script>\n');
        finish = () => response.end('last\n');
      }),
    );
    const log = await visitor.open(`/page/log/${taskId}/0/public/logs/live.log`);
    assert.equal(log.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(log.headers['x-content-type-options'], 'nosniff');
    assert.match(String(log.headers['content-security-policy']), /sandbox/);
    assert.ok(!JSON.stringify(log.headers).includes('secret-path'));
    const chunks = log[Symbol.asyncIterator]();
    assert.equal(String((await chunks.next()).value), '<script>first</script>\n');
    finish();
    assert.equal(String((await chunks.next()).value), 'last\n');
    assert.equal((await chunks.next()).done, true);
  });

  it('ends reading when the reader goes away', async () => {
    const { taskId, queue } = await deployment.runTask();
    const closed = new Promise<void>((resolve) => {
      void served((_request, response) => {
        response.once('close', resolve);
        response.write('first\n');
      }).then((url) => refer(queue, taskId, url));
    });
    const path = `/page/log/${taskId}/0/public/logs/live.log`;
    let log = await visitor.open(path);
    while (log.statusCode === 404) log = await visitor.open(path);
    await once(log, 'data');
    log.destroy();
    await closed;
  });

  it('does not follow redirects, and names only the origin of what it can not read', async () => {
    const { taskId, queue } = await deployment.runTask();
    await refer(queue, taskId, await served((_request, response) => response.writeHead(302, { location: '/' }).end()));
    const { status, body } = await visitor.visit(`/page/log/${taskId}/0/public/logs/live.log`);
    assert.equal(status, 502);
    assert.match(body, /answers with the status 302/);
    assert.ok(!body.includes('secret-path'));
  });

  it('decodes stored contents, and returns only their end when asked', async () => {
    const { taskId, queue } = await deployment.runTask();
    const content = Array.from({ length: 1000 }, (_, line) => `line ${line}\n`).join('');
    const artifact = { storageType: 's3', contentType: 'text/plain', expires: inAnHour() };
    const { putUrl = '' } = (await queue.createArtifact(taskId, 0, 'private/a b.log', artifact)) as {
      readonly putUrl?: string;
    };
    const headers = { 'content-type': 'text/plain', 'content-encoding': 'gzip' };
    await fetch(putUrl, { method: 'PUT', body: gzipSync(content), headers });
    const path = `/page/log/${taskId}/0/private/a%20b.log`;
    assert.equal((await visitor.visit(path)).body, content);
    assert.equal((await visitor.visit(`${path}?tail=18`)).body, content.slice(-18));
    assert.equal((await visitor.visit(`${path}?tail=9999999`)).status, 400);
  });

  it('answers 404 for artifacts that are not there', async () => {
    const { taskId } = await deployment.runTask();
    assert.equal((await visitor.visit(`/page/log/${taskId}/0/public/nothing`)).status, 404);
    assert.equal((await visitor.visit(`/page/log/${newSlugid()}/0/public/nothing`)).status, 404);
    assert.equal((await visitor.visit(`/page/log/no-task/0/public/nothing`)).status, 400);
  });

  it('serves stored contents in a sandbox, to whoever opens their address', async () => {
    const { taskId, queue } = await deployment.runTask();
    const artifact = { storageType: 's3', contentType: 'text/html', expires: inAnHour() };
    const { putUrl = '' } = (await queue.createArtifact(taskId, 0, 'public/a.html', artifact)) as {
      readonly putUrl?: string;
    };
    await fetch(putUrl, { method: 'PUT', body: '<script></script>', headers: { 'content-type': 'text/html' } });
    const { rootUrl } = deployment.server;
    const { headers } = await fetch(`${rootUrl}/api/queue/v1/task/${taskId}/runs/0/artifacts/public/a.html`);
    assert.equal(headers.get('content-security-policy'), 'sandbox');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  });

  it('checks definitions, their payloads too, and says where problems are', async () => {
    const problemsOf = async (definition: unknown): Promise<unknown> => {
      const visit = { method: 'POST', body: JSON.stringify({ definition }) };
      return (JSON.parse((await visitor.call('/page/api/check', visit)).body) as { readonly problems: unknown })
        .problems;
    };
    const payload = { image: 'busybox', command: ['true'], maxRunTime: 60 };
    assert.deepEqual(await problemsOf(taskDefinition({ payload })), []);
    assert.deepEqual(await problemsOf(taskDefinition({ taskQueueId: 'built-in/succeed', payload: {} })), []);
    assert.deepEqual(await problemsOf(taskDefinition({ payload: { ...payload, maxRunTime: 'long' } })), [
      { path: '/payload/maxRunTime', message: 'should be integer' },
    ]);
    const wrong = { ...taskDefinition({ payload: { ...payload, imagee: 1 } }), bogus: 1 };
    const places = (await problemsOf(wrong)) as readonly { readonly path: string; readonly message: string }[];
    assert.deepEqual(
      places.map(({ path }) => path),
      ['/bogus', '/payload/imagee'],
    );
    const late = { ...taskDefinition({ payload }), deadline: new Date(0).toJSON() };
    assert.deepEqual(await problemsOf(late), [{ path: '/deadline', message: 'deadline is before created.' }]);
    for (const definition of [null, 1, [], { payload: 'x' }]) assert.ok(Array.isArray(await problemsOf(definition)));
  });
});

interface SeenEvent {
  readonly taskId: string;
  readonly taskGroupId: string;
  readonly status: { readonly state: string };
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<SeenEvent, undefined> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const data = /^event: task\ndata: (.*)$/.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as SeenEvent;
    }
  }
  return undefined;
}
