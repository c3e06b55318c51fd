import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from '../../../src/local-taskcluster/http/endpoint.js';
import type { Schema } from '../../../src/local-taskcluster/http/schema.js';
import { METHODS, methodFact, normalized, realSchema } from '../../support/taskcluster-facts.js';
import type { Kind } from '../../support/taskcluster-facts.js';
import { servicesForReading } from './services-for-reading.js';

const { endpoints } = servicesForReading();

/** Methods of every service that are not in a list of endpoints. */
const MONITORING = ['ping', 'lbheartbeat', 'version', 'heartbeat'];
/** Methods without any data here: every request is refused, so there are no answers to check. */
const NEVER_FOUND = [
  'auth.websocktunnelToken',
  'hooks.listHooks',
  'hooks.hook',
  'hooks.getHookStatus',
  'hooks.listLastFires',
];

for (const [service, methods] of Object.entries(endpoints)) {
  describe(`the local ${service} service`, () => {
    for (const endpoint of methods) {
      const fact = methodFact(service, endpoint.name);
      it(`has ${endpoint.name} at the same address with the same query`, () => {
        assert.deepEqual(
          [endpoint.method.toLowerCase(), endpoint.route, [...(endpoint.query ?? [])].sort()],
          [fact?.method, fact?.route, fact?.query],
        );
      });

      it(`accepts the same requests of ${endpoint.name}`, () => {
        assertSame(endpoint.input, fact?.input, 'input');
      });

      it(`has the same response schema of ${endpoint.name}`, () => {
        if (NEVER_FOUND.includes(`${service}.${endpoint.name}`)) assert.equal(endpoint.output, undefined);
        else assertSame(endpoint.output, fact?.output, 'output');
      });

      if (endpoint.scopes) {
        it(`requires the same scopes for ${endpoint.name}`, () => {
          const needed = endpoint.scopes?.((name) => `<${name}>`);
          assert.deepEqual(needed, withoutLoneAllOf(fact?.scopes));
        });
      }
    }
  });
}

/** Checks that our schema equals that of one of the releases. */
function assertSame(schema: Schema<unknown> | undefined, id: string | undefined, kind: Kind): void {
  if (id === undefined || schema === undefined) {
    assert.equal(schema?.title, id);
    return;
  }
  const ours = normalized(schema.definition, kind);
  const [older, newer] = [realSchema(id, '99.2.1', kind), realSchema(id, 'main', kind)];
  if (!isDeepStrictEqual(ours, newer)) assert.deepEqual(ours, older);
}

function withoutLoneAllOf(scopes: unknown): unknown {
  const { AllOf } = Object(scopes) as { readonly AllOf?: readonly unknown[] };
  return AllOf?.length === 1 ? AllOf[0] : scopes;
}

describe('docs/local-taskcluster.md', () => {
  /** Returns the methods in each row of the table, by service and by whether the row says that they exist. */
  const told = async (): Promise<{ readonly here: readonly string[]; readonly missing: readonly string[] }> => {
    const page = await readFile('docs/local-taskcluster.md', 'utf8');
    const [, table = ''] = /^## Method by method\n([\s\S]*?)^## /m.exec(page) ?? [];
    const here: string[] = [];
    const missing: string[] = [];
    for (const [, service = '', names = '', differs = ''] of table.matchAll(
      /^\| (?!service)([a-z][a-z-]*) +\| (.*?) +\| (.*?) +\|$/gm,
    )) {
      const list = differs === 'not here' ? missing : here;
      list.push(...names.split(', ').map((name) => `${service}.${name}`));
    }
    return { here, missing };
  };
  const namesOf = (service: string, methods: readonly Endpoint[]): readonly string[] =>
    [...MONITORING, ...methods.map(({ name }) => name)].map((name) => `${service}.${name}`);

  it('lists exactly the methods that exist', async () => {
    const { here } = await told();
    const all = Object.entries(endpoints).flatMap(([service, methods]) => namesOf(service, methods));
    assert.deepEqual([...here].sort(), all.sort());
  });

  it('lists every method of these services that is missing here', async () => {
    const { here, missing } = await told();
    const others = METHODS.map(({ service, name }) => `${service}.${name}`).filter((name) => !here.includes(name));
    assert.deepEqual([...missing].sort(), others.sort());
  });
});
