import assert from 'node:assert/strict';
import { readRoles } from '../../../src/local-taskcluster/auth/read-roles.js';

describe('readRoles', () => {
  it('reads ids with lists of scopes, in YAML and in JSON', () => {
    const roles = [
      { roleId: 'repo:github.com/a/b:*', scopes: ['queue:route:index.a.<..>', 'cache:*'] },
      { roleId: 'empty', scopes: [] },
    ];
    const text = "repo:github.com/a/b:*:\n  - queue:route:index.a.<..>\n  - 'cache:*'\nempty: []\n";
    assert.deepEqual(readRoles(text), roles);
    const json = JSON.stringify(Object.fromEntries(roles.map(({ roleId, scopes }) => [roleId, scopes])));
    assert.deepEqual(readRoles(json), roles);
  });

  it('reads an answer of auth.listRoles', () => {
    const role = { roleId: 'a', scopes: ['x'], description: 'a role', created: '2026-01-01T00:00:00.000Z' };
    const [read] = readRoles(JSON.stringify([role]));
    assert.deepEqual([read?.roleId, read?.scopes, read?.description], ['a', ['x'], 'a role']);
  });

  it('reads no roles from an empty file', () => {
    assert.deepEqual(readRoles(''), []);
  });

  for (const text of ['a: b: c', 'a: x', 'a: [1]', '- {roleId: a}', '[a]', '7', '"": [x]']) {
    it(`explains the required form for ${text}`, () => {
      assert.throws(() => readRoles(text), /^Error: it (is neither YAML nor JSON|has to be the id of each role)/);
    });
  }
});
