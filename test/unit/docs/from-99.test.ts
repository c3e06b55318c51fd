import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { loadConfig } from '../../../src/lib/config/load-config.js';
import { DEFAULTS_OF_2019, DEFAULTS_OF_99, METRICS_OF_OLD, OPTIONS_OF_99 } from '../../support/original-config.js';

const CREDENTIALS = { TASKCLUSTER_ROOT_URL: 'https://tc', TASKCLUSTER_CLIENT_ID: 'c', TASKCLUSTER_ACCESS_TOKEN: 't' };

/** What the worker has by itself, on any machine. */
async function defaultsNow(): Promise<object> {
  const sources = { packagedConfigPath: 'config.yml', searchDirs: [], env: CREDENTIALS };
  return (await loadConfig({ ...sources, machine: { hostname: 'box-1', cores: 2 } })).config;
}

function valueAt(tree: object, key: string): unknown {
  return key.split('.').reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], tree);
}

/** What tables of a page have in backticks, by columns; `column` -1: in any. */
function quotedInTables(text: string, column = -1): ReadonlySet<string> {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.flatMap((row) => (column < 0 ? [row] : [row.split(' | ')[column] ?? '']));
  return new Set(cells.flatMap((cell) => [...quotedIn(cell)]));
}

function quotedIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name));
}

describe('docs/from-99.md', () => {
  let page: string;
  before(async () => {
    page = await readFile('docs/from-99.md', 'utf8');
  });

  const section = (heading: string): string =>
    page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  const missing = (names: readonly string[], text: string): readonly string[] => {
    const quoted = quotedIn(text);
    return names.filter((name) => !quoted.has(name));
  };

  it('has a table for each area, with what was, what is now, and what to do', () => {
    for (const area of ['Command line', 'Configuration', 'Hosts', 'Payload', 'Scopes', 'Task log', 'Artifacts']) {
      assert.match(section(area), /^\| what was +\| what is now +\| what to do +\|$/m, area);
    }
    for (const area of ['Look at these first', 'Worker log and metrics', 'Images', 'Caches', 'Deployment']) {
      assert.match(section(area), /^\| what was +\| what is now +\| what to do +\|$/m, area);
    }
  });

  it('says near its top that caches of killed tasks are purged', () => {
    assert.match(page.slice(0, page.indexOf('## Defaults that changed')), /`cache\.purgeAfterKill: false`/);
  });

  it('names every key of the old configurations', () => {
    const keys = [...Object.keys(DEFAULTS_OF_99), ...Object.keys(DEFAULTS_OF_2019)];
    assert.deepEqual(missing(keys, page), []);
  });

  it('names every default that has changed', async () => {
    const now = await defaultsNow();
    const changed = [DEFAULTS_OF_99, DEFAULTS_OF_2019].flatMap((then) =>
      Object.entries(then)
        .filter(([key]) => valueAt(now, key) !== undefined)
        .filter(([key, value]) => value !== undefined && !isDeepStrictEqual(valueAt(now, key), value))
        .map(([key]) => key),
    );
    assert.ok(changed.length > 5, 'the defaults are not found any more');
    assert.deepEqual(missing(changed, section('Defaults that changed')), []);
  });

  it('names every option of the old command line', () => {
    assert.deepEqual(missing(OPTIONS_OF_99, section('Command line')), []);
  });

  it('names only events that exist', async () => {
    const [events = ''] = section('Worker log and metrics').split('| what is now (each begins with', 1);
    const named = quotedInTables(events, 1);
    assert.ok(named.size > 20, 'the table is not found any more');
    const known = quotedInTables(await readFile('docs/operations.md', 'utf8'));
    assert.deepEqual(
      [...named].filter((name) => !known.has(name)),
      [],
    );
  });

  it('maps every old metric', () => {
    assert.deepEqual(missing(METRICS_OF_OLD, section('Worker log and metrics')), []);
  });

  it('names only metrics that exist', async () => {
    const [, metrics = ''] = section('Worker log and metrics').split('| what is now (each begins with');
    const known = quotedInTables(await readFile('docs/operations.md', 'utf8'));
    const isKnown = (name: string): boolean => known.has(name) || known.has(`docker_worker_${name}`);
    // Without labels; what has blanks or brackets is a query, and what is of others has no prefix of ours.
    const named = [...quotedInTables(metrics, 1)].map((name) => name.replace(/\{.*\}$/, ''));
    const OTHERS = ['process_start_time_seconds', 'node_boot_time_seconds', 'WORKER_METRICS'];
    assert.ok(named.length > 20, 'the table is not found any more');
    assert.deepEqual(
      named.filter((name) => !/[ ([]/.test(name) && !OTHERS.includes(name) && !isKnown(name)),
      [],
    );
  });
});
