import assert from 'node:assert/strict';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { LayeredConfig } from '../../../src/lib/config/layers.js';
import { ConfigFolder, problemsOf } from './fixture.js';

describe('a configuration that is too large', () => {
  const folder = new ConfigFolder();
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());

  const aliases = (levels: number): string =>
    Array.from({ length: levels }, (_, n) => {
      const inner = n === 0 ? 'x' : `*a${n - 1}`;
      return `a${n}: &a${n} [${Array<string>(10).fill(inner).join(', ')}]\n`;
    }).join('');

  const files: readonly (readonly [string, string, RegExp])[] = [
    ['of aliases of aliases', aliases(30), /config\.yml: more than 10000 values$/],
    ['that contains itself', 'features: &f\n  dind: *f\n', /config\.yml: (nested more than 50 levels deep|more than)/],
    [
      'with many levels',
      `features: ${'{a: '.repeat(60)}1${'}'.repeat(60)}\n`,
      /config\.yml: nested more than 50 levels/,
    ],
    [
      'with more levels than the parser takes',
      `features: ${'['.repeat(100_000)}`,
      /config\.yml, line 1, column \d+: not valid YAML or JSON: nesting exceeded maxDepth/,
    ],
  ];
  for (const [what, content, words] of files) {
    it(`is refused with a message: a file ${what}`, async () => {
      const problems = await problemsOf({ configPath: await folder.write('config.yml', content) });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', words);
    });
  }

  it('is refused from a host too', () => {
    const values = { list: Array(10_001).fill(0) as unknown[] };
    assert.throws(
      () => {
        new LayeredConfig({}).apply({ name: 'host', values });
      },
      new ConfigError(['host: more than 10000 values']),
    );
  });

  it('has at most a hundred of its problems listed', async () => {
    const keys = Array.from({ length: 5000 }, (_, n) => `unknown${n}: 1\n`);
    const problems = await problemsOf({ configPath: await folder.write('config.yml', keys.join('')) });
    assert.equal(problems.length, 101);
    assert.equal(problems.at(-1), '… and 4900 more problems');
    const [long = ''] = await problemsOf({
      configPath: await folder.write('config.yml', `${'x'.repeat(900)}: {a: ${'y'.repeat(9000)}}`),
    });
    assert.ok(long.length < 2100);
  });

  it('is not one whose many keys override lower layers', () => {
    const merged = new LayeredConfig({});
    const keys = Array.from({ length: 4000 }, (_, n) => `key${n}`);
    merged.apply({ name: 'below', values: Object.fromEntries(keys.map((key) => [key, { inner: 1 }])) });
    merged.apply({ name: 'above', values: Object.fromEntries(keys.map((key) => [key, 2])) });
    assert.equal(merged.values()['key3999'], 2);
    assert.equal(merged.originOf(['key7', 'inner']), 'above');
    assert.equal(merged.originOf(['key7']), 'above');
  });
});
