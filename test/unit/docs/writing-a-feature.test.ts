import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const MAX_LINES = 60;

describe('docs/writing-a-feature.md', () => {
  let blocks: readonly string[];
  before(async () => {
    const page = await readFile('docs/writing-a-feature.md', 'utf8');
    blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  });

  it('shows the tested feature in under 60 lines', async () => {
    const example = await readFile('test/examples/machine-info.ts', 'utf8');
    assert.equal(blocks[0], example);
    assert.ok(example.trimEnd().split('\n').length < MAX_LINES);
  });

  it('shows its test', async () => {
    const tests = await readFile('test/unit/examples/machine-info.test.ts', 'utf8');
    const [, shown = ''] = /^([\s\S]*)\n\}\);\n$/.exec(blocks[1] ?? '') ?? [];
    assert.ok(shown.includes('await run.run('), 'the page shows no test');
    assert.ok(tests.includes(shown));
  });
});
