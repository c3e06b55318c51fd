import assert from 'node:assert/strict';
import hawk from 'hawk';
import { clients, createTemporaryCredentials } from 'taskcluster-client';
import type { Auth, ClientCredentials, ClientOptions } from 'taskcluster-client';
import { Deployment, refusalOf, statusCodeOf } from './deployment.js';

describe('authentication with the local Taskcluster', () => {
  const deployment = new Deployment();

  const author: ClientCredentials = { clientId: 'author', accessToken: 'a-long-secret' };
  const inMinutes = (minutes: number): Date => new Date(Date.now() + minutes * 60_000);

  const auth = (options: Partial<ClientOptions> = {}): Auth =>
    new clients.Auth({ rootUrl: deployment.server.rootUrl, retries: 0, ...options });

  const scopesOf = async (options: Partial<ClientOptions>): Promise<readonly string[]> => {
    const { scopes } = await auth(options).currentScopes();
    const { scopes: anonymous } = await auth().currentScopes();
    return scopes.filter((scope) => !anonymous.includes(scope));
  };

  beforeEach(() => {
    deployment.server.addRole('reader', ['read:*']);
    deployment.server.addClient({ ...author, scopes: ['write:x', 'assume:reader', 'auth:create-client:author/*'] });
  });

  it('answers a ping without credentials', async () => {
    await auth().ping();
    await deployment.anonymousQueue().ping();
  });

  it('grants everyone the scopes of the role anonymous', async () => {
    const { scopes } = await auth().currentScopes();
    assert.ok(scopes.includes('queue:get-artifact:public/*'));
    assert.ok(scopes.includes('auth:expand-scopes'));
    assert.ok(scopes.includes('assume:anonymous'));
  });

  it('accepts a permanent client and expands its roles', async () => {
    assert.deepEqual(await scopesOf({ credentials: author }), [
      'assume:reader',
      'auth:create-client:author/*',
      'read:*',
      'write:x',
    ]);
    assert.deepEqual(await auth().expandScopes({ scopes: ['assume:reader', 'read:one'] }), {
      scopes: ['assume:reader', 'read:*'],
    });
  });

  it('returns 401 for an unknown client or a wrong token, and 403 without credentials', async () => {
    const call = (credentials?: ClientCredentials) =>
      refusalOf(deployment.queue({ credentials: credentials ?? {} }).reclaimTask('fN1SbArXTPSVFUUvaOlinQ', 0));
    const wrong = await call({ ...author, accessToken: 'wrong' });
    assert.deepEqual([wrong.statusCode, wrong.code], [401, 'AuthenticationFailed']);
    assert.equal((await call({ ...author, clientId: 'nobody' })).statusCode, 401);
    const missing = await call();
    assert.deepEqual([missing.statusCode, missing.code], [403, 'InsufficientScopes']);
    assert.match(missing.message, /queue:reclaim-task:fN1SbArXTPSVFUUvaOlinQ\/0/);
  });

  it('accepts temporary credentials, named or not, for the scopes they were given', async () => {
    const grant = { scopes: ['write:x', 'read:y'], expiry: inMinutes(5), credentials: author };
    const unnamed = createTemporaryCredentials(grant);
    assert.deepEqual(await scopesOf({ credentials: unnamed }), ['read:y', 'write:x']);
    const named = createTemporaryCredentials({ ...grant, clientId: 'author/robot' });
    assert.deepEqual(await scopesOf({ credentials: named }), ['read:y', 'write:x']);
    const empty = createTemporaryCredentials({ ...grant, scopes: [] });
    assert.deepEqual(await scopesOf({ credentials: empty }), []);
  });

  it('refuses temporary credentials that claim more than their issuer has', async () => {
    const refused = async (grant: object): Promise<string> => {
      const credentials = createTemporaryCredentials({
        scopes: ['write:x'],
        expiry: inMinutes(5),
        credentials: author,
        ...grant,
      });
      const refusal = await refusalOf(auth({ credentials }).currentScopes());
      assert.equal(refusal.statusCode, 401);
      return refusal.message;
    };
    assert.match(await refused({ scopes: ['write:y'] }), /all the scopes of the certificate/);
    assert.match(await refused({ clientId: 'somebody-else' }), /auth:create-client:somebody-else/);
    assert.match(await refused({ credentials: { ...author, accessToken: 'wrong' } }), /signature/);
  });

  it('allows 5 minutes of clock skew for a certificate, and no more', async () => {
    const answer = async (start: number, expiry: number): Promise<number> => {
      const credentials = createTemporaryCredentials({
        scopes: [],
        start: inMinutes(start),
        expiry: inMinutes(expiry),
        credentials: author,
      });
      const call = auth({ credentials }).currentScopes();
      const [outcome] = await Promise.allSettled([call]);
      return outcome.status === 'fulfilled' ? 200 : statusCodeOf(call);
    };
    assert.equal(await answer(-60, -4), 200);
    assert.equal(await answer(-60, -6), 401);
    assert.equal(await answer(4, 60), 200);
    assert.equal(await answer(6, 60), 401);
  });

  it('refuses a certificate that is changed, invalid or missing', async () => {
    const good = createTemporaryCredentials({
      clientId: 'author/robot',
      scopes: ['write:x'],
      expiry: inMinutes(5),
      credentials: author,
    });
    const certificate = JSON.parse(good.certificate) as object;
    const withCertificate = (changes: object): Promise<number> =>
      statusCodeOf(
        auth({ credentials: { ...good, certificate: JSON.stringify({ ...certificate, ...changes }) } }).currentScopes(),
      );
    assert.equal(await withCertificate({ scopes: ['write:x', 'read:y'] }), 401);
    assert.equal(await withCertificate({ expiry: inMinutes(50).getTime() }), 401);
    assert.equal(await withCertificate({ version: 2 }), 401);
    assert.equal(await withCertificate({ seed: 'short' }), 401);
    assert.equal(await withCertificate({ issuer: 'author/robot' }), 401);
    assert.equal(await withCertificate({ issuer: 'nobody' }), 401);
    const { clientId, accessToken } = good;
    assert.equal(await statusCodeOf(auth({ credentials: { clientId, accessToken } }).currentScopes()), 401);
  });

  it('limits a request to authorizedScopes, which the credentials must have', async () => {
    const limited = { credentials: author, authorizedScopes: ['read:z'] };
    assert.deepEqual(await scopesOf(limited), ['read:z']);
    const refusal = await refusalOf(auth({ credentials: author, authorizedScopes: ['admin'] }).currentScopes());
    assert.equal(refusal.statusCode, 401);
    assert.match(refusal.message, /authorizedScopes \["admin"\]/);
  });

  it('returns 403 for a call that authorizedScopes do not cover, even if the scopes of the client do', async () => {
    const taskId = await deployment.createTask();
    const narrow = deployment.queue({ authorizedScopes: ['queue:cancel-task:other'] });
    assert.equal(await statusCodeOf(narrow.cancelTask(taskId)), 403);
    assert.equal((await deployment.queue().cancelTask(taskId)).status.state, 'exception');
  });

  /** Calls currentScopes with a header made by hand. */
  const callByHand = (header: (url: string) => string): Promise<Response> => {
    const url = `${deployment.server.rootUrl}/api/auth/v1/scopes/current`;
    return fetch(url, { headers: { authorization: header(url) } });
  };

  const hawkHeader = (url: string, options: Partial<Parameters<typeof hawk.client.header>[2]>): string =>
    hawk.client.header(url, 'GET', {
      credentials: { id: author.clientId, key: author.accessToken, algorithm: 'sha256' },
      ...options,
    }).header;

  it('allows 15 minutes of clock skew to Hawk', async () => {
    const at = (minutes: number) => async (): Promise<number> =>
      (await callByHand((url) => hawkHeader(url, { timestamp: Math.floor(inMinutes(minutes).getTime() / 1000) })))
        .status;
    assert.equal(await at(-14)(), 200);
    assert.equal(await at(14)(), 200);
    assert.equal(await at(-16)(), 401);
    assert.equal(await at(16)(), 401);
  });

  it('returns 401 for a header that is not Hawk, or whose ext is not JSON', async () => {
    assert.equal((await callByHand(() => 'Bearer abc')).status, 401);
    assert.equal((await callByHand(() => 'Hawk id="author"')).status, 401);
    assert.equal((await callByHand((url) => hawkHeader(url, { ext: 'no base64 JSON' }))).status, 401);
    assert.equal((await callByHand((url) => hawkHeader(`${url}/elsewhere`, {}))).status, 401);
  });

  it('compares the body with the payload hash, if the header has one', async () => {
    const url = `${deployment.server.rootUrl}/api/auth/v1/scopes/expand`;
    const send = async (signed: string, sent: string): Promise<number> => {
      const { header } = hawk.client.header(url, 'POST', {
        credentials: { id: author.clientId, key: author.accessToken, algorithm: 'sha256' },
        payload: signed,
        contentType: 'application/json',
      });
      const headers = { authorization: header, 'content-type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers, body: sent })).status;
    };
    assert.equal(await send('{"scopes":["a"]}', '{"scopes":["a"]}'), 200);
    assert.equal(await send('{"scopes":["a"]}', '{"scopes":["b"]}'), 401);
  });

  it('accepts a bewit in place of a header until it expires', async () => {
    const { taskId, runId, queue } = await deployment.runTask();
    const expires = inMinutes(60).toJSON();
    const target = 'https://example.com/';
    await queue.createArtifact(taskId, runId, 'private/x', {
      storageType: 'reference',
      url: target,
      contentType: 'text/plain',
      expires,
    });
    const root = deployment.queue();
    const get = (url: string): Promise<Response> => fetch(url, { redirect: 'manual' });
    const signed = root.buildSignedUrl(root.getArtifact, taskId, runId, 'private/x');
    assert.equal((await get(signed)).headers.get('location'), target);
    assert.equal((await get(signed.replace('bewit=', 'bewit=x'))).status, 401);
    const expired = root.buildSignedUrl(root.getArtifact, taskId, runId, 'private/x', { expiration: -1 });
    assert.equal((await get(expired)).status, 401);
    assert.equal((await get(root.buildUrl(root.getArtifact, taskId, runId, 'private/x'))).status, 403);
  });

  it('applies authorizedScopes to bewits too', async () => {
    const { taskId, runId } = await deployment.runTask();
    const narrow = deployment.queue({ authorizedScopes: ['queue:get-artifact:private/y'] });
    const url = narrow.buildSignedUrl(narrow.getArtifact, taskId, runId, 'private/x');
    assert.equal((await fetch(url)).status, 403);
  });
});
