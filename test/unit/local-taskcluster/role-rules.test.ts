import assert from 'node:assert/strict';
import { RoleTable } from '../../../src/local-taskcluster/auth/role-table.js';

describe('RoleTable.define', () => {
  const define = (roles: Readonly<Record<string, readonly string[]>>): RoleTable => {
    const table = new RoleTable();
    for (const [roleId, scopes] of Object.entries(roles)) table.define({ roleId, scopes });
    return table;
  };

  it('accepts roles that assume others, and keeps their creation time', () => {
    const table = define({ a: ['assume:b', 'assume:c:x'], b: ['y'], 'c:*': ['assume:d:<..>'], 'd:*': ['z:<..>'] });
    assert.deepEqual(table.expand(['assume:a']), ['assume:a', 'assume:b', 'assume:c:x', 'assume:d:x', 'y', 'z:x']);
    const { created } = table.get('b');
    assert.equal(table.define({ roleId: 'b', scopes: [] }).created, created);
  });

  for (const [what, roles] of [
    ['itself', { a: ['assume:a'] }],
    ['itself through a star', { 'a:b': ['assume:a:*'] }],
    ['itself through another', { a: ['assume:b'], b: ['assume:a'] }],
    ['itself through its parameter', { 'a:*': ['assume:<..>'] }],
    ['itself, longer each time', { 'a:*': ['assume:a:x<..>'] }],
    ['all roles', { a: ['assume:*'] }],
  ] as const) {
    it(`refuses a role that assumes ${what}`, () => {
      assert.throws(() => define(roles), /A role must not lead back to itself/);
    });
  }

  it('accepts a role with the scope * and others that assume it', () => {
    const table = define({ root: ['*'], 'repo:*': ['assume:root'] });
    assert.deepEqual(table.expand(['assume:repo:x']), ['*']);
  });

  it('accepts a changed role that no longer assumes itself', () => {
    const table = define({ a: ['assume:b'], b: ['x'] });
    table.define({ roleId: 'a', scopes: [] });
    table.define({ roleId: 'b', scopes: ['assume:a'] });
    assert.deepEqual(table.expand(['assume:b']), ['assume:a', 'assume:b']);
  });
});
