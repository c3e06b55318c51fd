import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { Deployment, taskDefinition } from './deployment.js';
import { HTML, PageVisitor, SmallBundle } from './page-visitor.js';

const TASK = 'AAAAAAAAQAAAAAAAAAAAAA';
const SCOPES = '/api/auth/v1/scopes/current';

describe('the access to the page of the local Taskcluster', () => {
  const bundle = new SmallBundle();
  const deployment = new Deployment(() => ({ page: { directory: bundle.directory } }));
  let visitor: PageVisitor;
  beforeEach(() => {
    visitor = new PageVisitor(deployment.server);
  });

  it('asks for the token without a session, and shows nothing else', async () => {
    for (const path of ['/', '/tasks', `/tasks/${TASK}`, '/shell/?v=2', '/display.html']) {
      const { status, body, headers } = await visitor.visit(path, { headers: HTML });
      assert.equal(status, 401, path);
      assert.match(body, /name="token"/);
      assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
    }
    for (const path of ['/page/api/groups', '/page/events', `/page/log/${TASK}/0/public/a`]) {
      assert.equal((await visitor.visit(path)).status, 401, path);
    }
  });

  it('exchanges the token for a cookie that scripts and other sites do not get, and shows the page', async () => {
    const entered = await visitor.enter();
    assert.deepEqual([entered.status, entered.headers.location], [303, '/']);
    assert.match(String(entered.headers['set-cookie']), /^tc-page-\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.ok(!visitor.cookie.includes(visitor.token));
    const { status, body } = await visitor.visit(`/tasks/groups/${TASK}`, { headers: HTML });
    assert.equal(status, 200);
    assert.match(body, /the page/);
  });

  it('keeps the rest of the address, in the redirect and in the form', async () => {
    const path = '/shell/?v=2&socketUrl=ws%3A%2F%2Flocalhost%2F%22%3E%3Cscript%3E';
    const { body } = await visitor.visit(path, { headers: HTML });
    assert.match(body, /name="socketUrl" value="ws:\/\/localhost\/&quot;&gt;&lt;script&gt;"/);
    const { headers } = await visitor.visit(`${path}&token=${visitor.token}`, { headers: HTML });
    assert.equal(headers.location, path);
  });

  it('refuses another token, and another cookie', async () => {
    const wrong = await visitor.visit(`/?token=${visitor.token}x`, { headers: HTML });
    assert.deepEqual([wrong.status, wrong.headers['set-cookie']], [401, undefined]);
    await visitor.enter();
    const [name = ''] = visitor.cookie.split('=');
    const stranger = new PageVisitor(deployment.server);
    const { status } = await stranger.visit('/', { headers: { ...HTML, cookie: `${name}=${visitor.token}` } });
    assert.equal(status, 401);
  });

  it('answers programs as before', async () => {
    await visitor.enter();
    const { status, body } = await visitor.visit('/', { headers: { accept: 'application/json' } });
    assert.equal(status, 404);
    assert.match(body, /ResourceNotFound/);
    assert.equal((await visitor.visit('/tasks/no-such-thing', { headers: HTML })).status, 404);
  });

  it('refuses hosts that the server does not have', async () => {
    await visitor.enter();
    const { port } = new URL(deployment.server.rootUrl);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1:1', `127.0.0.1.nip.io:${port}`]) {
      assert.equal((await visitor.visit('/', { headers: { ...HTML, host } })).status, 403, host);
      assert.equal((await visitor.visit('/page/api/groups', { headers: { host } })).status, 403, host);
      assert.equal((await visitor.call(SCOPES, { headers: { host } })).status, 403, host);
    }
    assert.equal((await visitor.visit('/', { headers: { ...HTML, host: `localhost:${port}` } })).status, 200);
  });

  it('gives the page the scopes of the client with all of them', async () => {
    await visitor.enter();
    const { status, body } = await visitor.call(SCOPES);
    assert.deepEqual([status, JSON.parse(body)], [200, { scopes: ['*'] }]);
  });

  it('gives them to nobody else', async () => {
    await visitor.enter();
    const withoutHeader = await visitor.visit(SCOPES);
    assert.ok(!withoutHeader.body.includes('"*"'));
    const stranger = new PageVisitor(deployment.server);
    assert.equal((await stranger.call(SCOPES)).status, 401);
    assert.equal((await visitor.call(SCOPES, { headers: { 'x-taskcluster-page': '2' } })).status, 403);
    const { rootUrl } = deployment.server;
    const limited = new clients.Auth({ rootUrl, credentials: { clientId: 'nobody', accessToken: 'x' }, retries: 0 });
    await assert.rejects(limited.currentScopes(), /Authentication failed/);
  });

  for (const [who, headers] of [
    ['another site', { origin: 'http://evil.example' }],
    ['another port of this host', { origin: 'http://127.0.0.1:1' }],
    ['a page without an origin', { origin: 'null' }],
    ['another site, without saying which', { 'sec-fetch-site': 'cross-site' }],
    ['a page of the same host at another port', { 'sec-fetch-site': 'same-site' }],
  ] as const) {
    it(`refuses requests of ${who}`, async () => {
      await visitor.enter();
      const taskId = await deployment.createTask();
      const cancel = await visitor.call(`/api/queue/v1/task/${taskId}/cancel`, { method: 'POST', headers });
      assert.equal(cancel.status, 403);
      assert.equal((await visitor.visit('/page/api/groups', { headers })).status, 403);
      const check = { method: 'POST', body: JSON.stringify({ definition: taskDefinition() }), headers };
      assert.equal((await visitor.call('/page/api/check', check)).status, 403);
      assert.equal((await deployment.queue().status(taskId)).status.state, 'pending');
    });
  }

  it('accepts the requests of the page itself', async () => {
    await visitor.enter();
    const taskId = await deployment.createTask();
    const headers = { origin: deployment.server.rootUrl, 'sec-fetch-site': 'same-origin' };
    const { status } = await visitor.call(`/api/queue/v1/task/${taskId}/cancel`, { method: 'POST', headers });
    assert.equal(status, 200);
    assert.equal((await deployment.queue().status(taskId)).status.state, 'exception');
  });

  it('lets only its own files run, and styles with a nonce that is new each time', async () => {
    await visitor.enter();
    const policies = await Promise.all(
      ['/', '/', '/shell/'].map(async (path) => (await visitor.visit(path, { headers: HTML })).headers),
    );
    const nonces = policies.map((headers) => /'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1]);
    assert.equal(new Set(nonces).size, 3);
    const [policy = '', , shell = ''] = policies.map((headers) => String(headers['content-security-policy']));
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ]) {
      assert.ok(policy.split('; ').includes(part), part);
    }
    assert.ok(!policy.includes('unsafe'));
    assert.ok(shell.split('; ').includes("connect-src 'self' ws: wss:"));
    const [headers] = policies;
    assert.equal(headers?.['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
  });

  it('serves its files to everyone, for ever', async () => {
    const { status, headers } = await visitor.visit('/page/assets/main-AAAA.js');
    assert.deepEqual([status, headers['content-type']], [200, 'text/javascript; charset=utf-8']);
    assert.match(String(headers['cache-control']), /immutable/);
    for (const name of ['..%2Findex.html', 'nothing.js']) {
      assert.equal((await visitor.visit(`/page/assets/${name}`)).status, 404);
    }
  });
});

describe('the local Taskcluster without a page', () => {
  const deployment = new Deployment();

  it('has no address of it, and answers browsers like programs', async () => {
    assert.equal(deployment.server.pageUrl, undefined);
    const visitor = new PageVisitor(deployment.server);
    assert.equal((await visitor.visit('/', { headers: HTML })).status, 404);
  });

  it('does not start when the page is asked for and not built', async () => {
    const start = LocalTaskcluster.start({ page: { directory: '/nowhere' } });
    await assert.rejects(start, /the page is not in \/nowhere: npm run build makes it/);
  });
});
