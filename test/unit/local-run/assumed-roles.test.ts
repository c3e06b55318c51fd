import assert from 'node:assert/strict';
import { assumedRoles } from '../../../src/local-run/assumed-roles.js';
import { RoleTable } from '../../../src/local-taskcluster/auth/role-table.js';

describe('the roles of a task that runs locally', () => {
  for (const scope of ['assume:repo:a/b:branch:main', 'assume:repo:a/*', 'assume:*', 'assume:a*']) {
    it(`are granted by ${scope}, and grant nothing to other callers`, () => {
      const table = new RoleTable();
      table.set('anonymous', ['public']);
      for (const role of assumedRoles(['x', scope])) table.set(role, ['*']);
      assert.deepEqual(table.expand([scope]), ['*']);
      assert.deepEqual(table.expand(['assume:anonymous']), ['assume:anonymous', 'public']);
    });
  }

  it('are empty without such scopes', () => {
    assert.deepEqual(assumedRoles(['a:assume:x', 'docker-worker:*', 'assume:anonymous', 7]), []);
    assert.deepEqual(assumedRoles(undefined), []);
  });
});
