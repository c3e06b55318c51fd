import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { taskEnv } from '../../../src/lib/task/task-env.js';
import { environmentTables } from '../../support/environment-tables.js';
import type { EnvironmentTables } from '../../support/environment-tables.js';
import { contributedVariables } from '../../support/source-strings.js';
import { PAYLOAD, taskContext } from '../task/task-fixture.js';

describe('docs/environment.md', () => {
  let tables: EnvironmentTables;
  before(async () => {
    tables = await environmentTables();
  });

  it('lists exactly the variables of all tasks', () => {
    const set = Object.keys(taskEnv(taskContext(PAYLOAD), {}, {}));
    assert.deepEqual([...tables.always].sort(), set.sort());
  });

  it('lists exactly the variables of features and devices', async () => {
    const places = ['src/lib/features', 'src/lib/devices'];
    const added = (await Promise.all(places.map(contributedVariables))).flat();
    assert.deepEqual([...tables.onDemand].sort(), [...new Set(added)].sort());
  });

  it('agrees with docs/payload.md', async () => {
    const page = await readFile('docs/payload.md', 'utf8');
    const [, section = ''] = /^## env\n([\s\S]*?)^## /m.exec(page) ?? [];
    const told = [...section.matchAll(/`((?:TASK|RUN)[A-Z_]+)`/g)].map(([, name = '']) => name);
    assert.deepEqual(told.sort(), [...tables.always].sort());
  });
});
