import assert from 'node:assert/strict';
import { RoleTable } from '../../../src/local-taskcluster/auth/role-table.js';

describe('RoleTable', () => {
  const expand = (
    roles: Readonly<Record<string, readonly string[]>>,
    ...scopes: readonly string[]
  ): readonly string[] => {
    const table = new RoleTable();
    for (const [roleId, granted] of Object.entries(roles)) table.set(roleId, granted);
    return table.expand(scopes);
  };

  it('expands assumed roles, directly and through other roles', () => {
    assert.deepEqual(expand({ a: ['assume:b', 'x'], b: ['y'], c: ['z'] }, 'assume:a'), [
      'assume:a',
      'assume:b',
      'x',
      'y',
    ]);
  });

  it('terminates when roles assume each other', () => {
    assert.deepEqual(expand({ a: ['assume:b'], b: ['assume:a'] }, 'assume:a'), ['assume:a', 'assume:b']);
  });

  it('expands a pattern to every role that it covers', () => {
    assert.deepEqual(expand({ 'repo:a': ['x'], 'repo:b': ['y'], other: ['z'] }, 'assume:repo:*'), [
      'assume:repo:*',
      'x',
      'y',
    ]);
    assert.deepEqual(expand({ a: ['x'] }, 'assu*'), ['assu*', 'x']);
  });

  it('omits scopes that others cover', () => {
    assert.deepEqual(expand({ a: ['x:*'] }, 'assume:a', 'x:y', 'x:z*', 'w'), ['assume:a', 'w', 'x:*']);
    assert.deepEqual(expand({ a: ['x'] }, '*', 'y'), ['*']);
  });

  it("fills in the value of a role's star", () => {
    const roles = { 'project:*': ['route:<..>.end', 'plain'] };
    assert.deepEqual(expand(roles, 'assume:project:fox'), ['assume:project:fox', 'plain', 'route:fox.end']);
    assert.deepEqual(expand(roles, 'assume:project:fo*'), ['assume:project:fo*', 'plain', 'route:fo*']);
    assert.deepEqual(expand(roles, 'assume:pro*'), ['assume:pro*', 'plain', 'route:*']);
    assert.deepEqual(expand(roles, 'assume:project:'), ['assume:project:', 'plain', 'route:.end']);
    assert.deepEqual(expand(roles, 'assume:other:fox'), ['assume:other:fox']);
  });

  it('fills in the value of a star through other roles', () => {
    const roles = { 'repo:*': ['assume:project:<..>'], 'project:x:*': ['cache:<..>'] };
    assert.deepEqual(expand(roles, 'assume:repo:x:main'), [
      'assume:project:x:main',
      'assume:repo:x:main',
      'cache:main',
    ]);
    assert.deepEqual(expand(roles, 'assume:repo:*'), ['assume:project:*', 'assume:repo:*', 'cache:*']);
  });

  it('keeps <..> in the scopes of a role without a star', () => {
    assert.deepEqual(expand({ plain: ['route:<..>.end'] }, 'assume:plain'), ['assume:plain', 'route:<..>.end']);
  });
});
