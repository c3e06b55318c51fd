import assert from 'node:assert/strict';
import { access, readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ESLint } from 'eslint';

const RULE = 'import-x/no-restricted-paths';

/** From the top. A layer may import only those that come after it. */
const LAYERS = [
  'bin',
  'local-run',
  'lib/worker',
  'lib/features',
  'lib/task',
  'lib/task-log',
  'lib/images',
  'lib/artifacts',
  'lib/caches',
  'lib/devices',
  'lib/host',
  'lib/gc',
  'lib/docker',
  'lib/queue',
  'lib/log',
  'lib/config',
  'lib/outcome',
  'lib/util',
];

const eslint = new ESLint({
  overrideConfig: { languageOptions: { parserOptions: { project: null } } },
  ruleFilter: ({ ruleId }) => ruleId === RULE,
});

const ADAPTERS = [
  'lib/docker/dockerode-engine.ts',
  'lib/queue/taskcluster-queue.ts',
  'lib/queue/taskcluster-purge-cache.ts',
  'lib/host/taskcluster-worker-manager.ts',
];

/** Whether a file in `from` may import one of `to`, for its types alone. */
async function isAllowed(from: string, to: string): Promise<boolean> {
  const imported = (await readdir(`src/${to}`)).find((name) => name.endsWith('.ts')) ?? assert.fail(`${to} is empty`);
  return await mayImport(from, `${to}/${imported}`);
}

async function mayImport(from: string, file: string): Promise<boolean> {
  const specifier = relative(`src/${from}`, `src/${file}`).replace(/\.ts$/, '.js');
  const code = `import type * as other from '${specifier.startsWith('.') ? specifier : `./${specifier}`}';\nexport type { other };\n`;
  const [result] = await eslint.lintText(code, { filePath: `src/${from}/probe.ts` });
  return (result ?? assert.fail()).messages.length === 0;
}

/** The files of src/, each with those it imports, also for their types alone: the lint rule against cycles ignores those. */
async function imports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = (await readdir('src', { recursive: true })).filter((name) => /\.tsx?$/.test(name));
  const existing = new Set(names);
  const entries = names.map(async (name) => {
    const text = await readFile(join('src', name), 'utf8');
    const found = [...text.matchAll(/ from '(\.[^']+)\.js';$/gm)];
    const targets = found.map(([, target = '']) => join(dirname(name), target));
    return [name, targets.map((target) => (existing.has(`${target}.tsx`) ? `${target}.tsx` : `${target}.ts`))] as const;
  });
  return new Map(await Promise.all(entries));
}

/** The first chain of imports that leads back to where it began. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const follow = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of graph.get(name) ?? []) {
      const cycle = follow(next, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const cycle = follow(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}

describe('the layers of the source', () => {
  for (const [index, layer] of LAYERS.entries()) {
    it(`${layer} may import the layers below it and none above`, async () => {
      for (const above of LAYERS.slice(0, index)) assert.equal(await isAllowed(layer, above), false, above);
      for (const below of LAYERS.slice(index + 1)) assert.equal(await isAllowed(layer, below), true, below);
    });
  }

  it('only worker/compose may import an adapter', async () => {
    for (const adapter of ADAPTERS) {
      await access(`src/${adapter}`);
      assert.equal(await mayImport('lib/worker/compose', adapter), true, adapter);
      assert.equal(await mayImport('lib/worker', adapter), false, adapter);
      assert.equal(await mayImport('lib/features', adapter), false, adapter);
    }
  });

  it('no file imports itself by way of others, types included', async () => {
    const graph = await imports();
    assert.ok([...graph.values()].flat().length > 1000, 'the imports were not found');
    assert.equal(cycleIn(graph), undefined);
    const made: readonly (readonly [string, readonly string[]])[] = [
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['d', ['b']],
    ];
    assert.deepEqual(cycleIn(new Map(made)), ['b', 'd', 'b']);
  });

  it('the worker and the local Taskcluster do not import each other', async () => {
    for (const layer of LAYERS.filter((name) => name.startsWith('lib/'))) {
      assert.equal(await isAllowed(layer, 'local-taskcluster'), false, layer);
    }
    assert.equal(await isAllowed('local-taskcluster', 'bin'), false);
    assert.equal(await isAllowed('local-taskcluster', 'local-run'), false);
  });

  it('the page and the programs do not import each other', async () => {
    for (const layer of [...LAYERS, 'local-ci', 'local-taskcluster']) {
      assert.equal(await isAllowed(layer, 'page'), false, layer);
      assert.equal(await isAllowed('page', layer), false, layer);
    }
    assert.equal(await isAllowed('page/pages', 'page/api'), true);
  });
});
