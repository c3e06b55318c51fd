import assert from 'node:assert/strict';
import { field } from '../../../support/cli-client.js';
import type { CliClient } from '../../../support/cli-client.js';
import { Deployment } from '../deployment.js';

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toJSON();
const client = (changes: object = {}) => ({
  payload: { description: 'a client', expires: inHours(1), scopes: ['read:*'], ...changes },
});
const role = (scopes: readonly string[], description = 'a role') => ({ payload: { scopes, description } });

describe('the local auth service with the calls of the command line client', () => {
  const deployment = new Deployment();
  let cli: CliClient;
  let anonymous: CliClient;
  beforeEach(() => {
    cli = deployment.cli();
    anonymous = deployment.anonymousCli();
  });
  const signedAs = (clientId: string, accessToken: string): CliClient => deployment.cli({ clientId, accessToken });
  const currentScopes = async (of: CliClient): Promise<readonly [number, unknown]> => {
    const { status, body } = await of.call('auth currentScopes');
    return [status, field(body, 'scopes')];
  };

  it('creates a client whose credentials work until it is disabled, expires or is deleted', async () => {
    const { body } = await cli.call('auth createClient', ['ci/robot'], client());
    const token = String(field(body, 'accessToken'));
    const robot = signedAs('ci/robot', token);
    assert.ok((field(body, 'expandedScopes') as readonly string[]).includes('read:*'));
    const [status, scopes] = await currentScopes(robot);
    assert.deepEqual([status, (scopes as readonly string[]).includes('read:*')], [200, true]);
    assert.equal((await cli.call('auth createClient', ['ci/robot'], client())).status, 409);
    assert.equal(field((await cli.call('auth disableClient', ['ci/robot'])).body, 'disabled'), true);
    assert.equal((await currentScopes(robot))[0], 401);
    assert.equal((await cli.call('auth enableClient', ['ci/robot'])).status, 200);
    assert.equal((await currentScopes(robot))[0], 200);
    assert.equal((await cli.call('auth updateClient', ['ci/robot'], client({ expires: inHours(-1) }))).status, 200);
    assert.equal((await currentScopes(robot))[0], 401);
    assert.equal((await cli.call('auth deleteClient', ['ci/robot'])).status, 204);
    assert.equal((await anonymous.call('auth client', ['ci/robot'])).status, 404);
  });

  it('shows clients to everyone, without their tokens', async () => {
    const { body: created } = await cli.call('auth createClient', ['ci/robot'], client());
    const { body: shown } = await anonymous.call('auth client', ['ci/robot']);
    assert.deepEqual({ ...(shown as object), accessToken: field(created, 'accessToken') }, created);
    assert.equal(field(shown, 'accessToken'), undefined);
    const { body } = await anonymous.call('auth listClients', [], { query: { prefix: 'ci/' } });
    assert.deepEqual(
      (field(body, 'clients') as readonly object[]).map((each) => field(each, 'clientId')),
      ['ci/robot'],
    );
  });

  it('gives a client a new token, and refuses the old one', async () => {
    const { body } = await cli.call('auth createClient', ['robot'], client());
    const { body: reset } = await cli.call('auth resetAccessToken', ['robot']);
    assert.equal((await currentScopes(signedAs('robot', String(field(body, 'accessToken')))))[0], 401);
    assert.equal((await currentScopes(signedAs('robot', String(field(reset, 'accessToken')))))[0], 200);
  });

  it('refuses to grant scopes that the caller lacks, or to change the root client', async () => {
    const makers = [
      'auth:create-client:*',
      'auth:update-client:*',
      'auth:create-role:*',
      'auth:update-role:*',
      'read:*',
    ];
    deployment.server.addClient({ clientId: 'maker', accessToken: 'a-long-secret', scopes: makers });
    const maker = signedAs('maker', 'a-long-secret');
    assert.equal((await maker.call('auth createClient', ['one'], client())).status, 200);
    assert.equal((await maker.call('auth createClient', ['two'], client({ scopes: ['write'] }))).status, 403);
    assert.equal((await maker.call('auth updateClient', ['one'], client({ scopes: ['write'] }))).status, 403);
    assert.equal((await maker.call('auth createRole', ['r'], role(['read:x']))).status, 200);
    assert.equal((await maker.call('auth createRole', ['s'], role(['write']))).status, 403);
    assert.equal((await maker.call('auth updateRole', ['r'], role(['write']))).status, 403);
    const root = deployment.server.credentials.clientId;
    assert.equal((await cli.call('auth deleteClient', [root])).status, 400);
    assert.equal((await cli.call('auth disableClient', [root])).status, 400);
    assert.equal((await cli.call('auth createClient', ['three'], client({ scopes: ['x**'] }))).status, 400);
  });

  it('creates, changes and deletes roles, with effect at once', async () => {
    const roleId = 'repo:github.com/example/project:*';
    const assumed = ['assume:repo:github.com/example/project:branch:main'];
    const { body } = await cli.call('auth createRole', [roleId], role(['queue:route:index.<..>', 'cache:*']));
    assert.equal(field(body, 'roleId'), roleId);
    const expanded = await anonymous.call('auth expandScopes', [], { payload: { scopes: assumed } });
    assert.deepEqual(field(expanded.body, 'scopes'), [...assumed, 'cache:*', 'queue:route:index.branch:main']);
    assert.equal(
      (await cli.call('auth createRole', [roleId], role(['cache:*', 'queue:route:index.<..>']))).status,
      200,
    );
    assert.equal((await cli.call('auth createRole', [roleId], role(['other']))).status, 409);
    assert.equal((await cli.call('auth updateRole', [roleId], role(['other']))).status, 200);
    assert.deepEqual(field((await anonymous.call('auth role', [roleId])).body, 'scopes'), ['other']);
    assert.equal((await cli.call('auth deleteRole', [roleId])).status, 204);
    assert.equal((await anonymous.call('auth role', [roleId])).status, 404);
    assert.equal((await cli.call('auth updateRole', [roleId], role([]))).status, 404);
  });

  it('lists roles, all at once and page by page', async () => {
    for (const id of ['one', 'two']) await cli.call('auth createRole', [id], role([]));
    const ids = ['anonymous', 'one', 'two'];
    const idsOf = (roles: unknown): readonly unknown[] =>
      (roles as readonly object[]).map((each) => field(each, 'roleId'));
    assert.deepEqual(idsOf((await anonymous.call('auth listRoles')).body), ids);
    assert.deepEqual(idsOf(field((await anonymous.call('auth listRoles2')).body, 'roles')), ids);
    const first = await anonymous.call('auth listRoleIds', [], { query: { limit: '2' } });
    assert.deepEqual(field(first.body, 'roleIds'), ids.slice(0, 2));
    const continuationToken = String(field(first.body, 'continuationToken'));
    const second = await anonymous.call('auth listRoleIds', [], { query: { limit: '2', continuationToken } });
    assert.deepEqual(field(second.body, 'roleIds'), ids.slice(2));
  });

  it('refuses circular roles, and roles with invalid scopes', async () => {
    await cli.call('auth createRole', ['a'], role(['assume:b']));
    const refusal = await cli.call('auth createRole', ['b'], role(['assume:a']));
    assert.equal(refusal.status, 400);
    assert.match(String(field(refusal.body, 'message')), /assume:b -> assume:a -> assume:b/);
    assert.equal((await cli.call('auth createRole', ['c:*'], role(['assume:c:x<..>']))).status, 400);
    assert.equal((await cli.call('auth createRole', ['d:*'], role(['x:<..>:<..>']))).status, 400);
    assert.equal((await cli.call('auth createRole', ['e:*'], role(['x*<..>']))).status, 400);
    assert.equal((await cli.call('auth createRole', ['f'], role(['x**']))).status, 400);
  });

  it('checks signatures by a test client with the scopes from the request', async () => {
    const tester = signedAs('tester', 'no-secret');
    const payload = { clientScopes: ['test:*', 'other'], requiredScopes: ['test:a'] };
    const { status, body } = await tester.call('auth testAuthenticate', [], { payload });
    assert.deepEqual([status, body], [200, { clientId: 'tester', scopes: ['assume:anonymous', 'other', 'test:*'] }]);
    const lacking = { payload: { ...payload, requiredScopes: ['more'] } };
    assert.equal((await tester.call('auth testAuthenticate', [], lacking)).status, 403);
    assert.equal((await tester.call('auth testAuthenticateGet')).status, 200);
    const others = [signedAs('tester', 'a-secret'), cli];
    for (const other of others) assert.equal((await other.call('auth testAuthenticateGet')).status, 401);
  });

  it('returns 404 for websocktunnel tokens, and says why', async () => {
    const { status, body } = await cli.call('auth websocktunnelToken', ['audience', 'here.worker-1.60023']);
    assert.deepEqual([status, field(body, 'code')], [404, 'ResourceNotFound']);
    assert.match(String(field(body, 'message')), /no websocktunnel/);
  });
});
