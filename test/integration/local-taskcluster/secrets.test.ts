import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import type { ClientCredentials, Secrets } from 'taskcluster-client';
import { Deployment, ManualClock, refusalOf, statusCodeOf } from './deployment.js';

describe('the secrets of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => {
    clock = new ManualClock();
    return { now: clock.now };
  });
  const secretsOf = (credentials?: ClientCredentials): Secrets =>
    new clients.Secrets(deployment.clientOptions(credentials && { credentials }));
  const secret = (value: string, minutes = 60) => ({
    secret: { value },
    expires: new Date(clock.now().getTime() + minutes * 60_000).toJSON(),
  });

  it('are stored under names with slashes, replaced and removed', async () => {
    const secrets = secretsOf();
    await secrets.set('worker-pool:local/pool', secret('one'));
    await secrets.set('worker-pool:local/pool', secret('two'));
    assert.deepEqual(await secrets.get('worker-pool:local/pool'), secret('two'));
    await secrets.remove('worker-pool:local/pool');
    await secrets.remove('worker-pool:local/pool');
    assert.equal(await statusCodeOf(secrets.get('worker-pool:local/pool')), 404);
  });

  it('are listed by name, page by page, without expired ones', async () => {
    const secrets = secretsOf();
    for (const name of ['c', 'a/b', 'a/a']) await secrets.set(name, secret('x'));
    await secrets.set('short', secret('x', 1));
    clock.advance(2);
    const { secrets: names, continuationToken = '' } = await secrets.list({ limit: 2 });
    assert.deepEqual(names, ['a/a', 'a/b']);
    assert.deepEqual(await secrets.list({ continuationToken }), { secrets: ['c'] });
    assert.equal(await statusCodeOf(secrets.get('short')), 404);
  });

  it('require scopes, whether they exist or not', async () => {
    deployment.server.addClient({ clientId: 'c', accessToken: 'a-long-secret', scopes: ['secrets:get:mine/*'] });
    const secrets = secretsOf({ clientId: 'c', accessToken: 'a-long-secret' });
    await secretsOf().set('mine/x', secret('x'));
    assert.deepEqual((await secrets.get('mine/x')).secret, { value: 'x' });
    const refusal = await refusalOf(secrets.get('yours/x'));
    assert.deepEqual([refusal.statusCode, refusal.code], [403, 'InsufficientScopes']);
    assert.equal(await statusCodeOf(secrets.set('mine/x', secret('y'))), 403);
    assert.equal(await statusCodeOf(secrets.remove('mine/x')), 403);
    assert.deepEqual(await secrets.list(), { secrets: ['mine/x'] });
  });

  it('are not quoted in the answer to a refused request', async () => {
    const refusal = await refusalOf(secretsOf().set('x', { ...secret('hush'), bogus: 1 }));
    assert.equal(refusal.statusCode, 400);
    assert.match(refusal.message, /bogus/);
    assert.ok(!JSON.stringify(refusal.body).includes('hush'));
  });
});
