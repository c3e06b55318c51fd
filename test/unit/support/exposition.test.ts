import assert from 'node:assert/strict';
import { selectorProblems } from '../../support/alert-rules.js';
import { lintExposition, seriesOf } from '../../support/exposition.js';

const text = (name: string, type: string, sample = `${name} 1`): string =>
  `# HELP ${name} words\n# TYPE ${name} ${type}\n${sample}\n`;

describe('the linter of metrics', () => {
  it('accepts valid metrics', () => {
    const histogram = text(
      'a_seconds',
      'histogram',
      'a_seconds_bucket{le="+Inf"} 1\na_seconds_sum 2\na_seconds_count 1',
    );
    assert.deepEqual(lintExposition(text('a_total', 'counter') + text('b_bytes', 'gauge') + histogram), []);
  });

  for (const [bad, says] of [
    [text('a_handles_total', 'gauge'), /is no counter and ends in _total/],
    [text('a', 'counter'), /does not end in _total/],
    [text('a_days', 'gauge'), /is not in a base unit/],
    [text('a_ms', 'gauge'), /has an abbreviated unit/],
    [text('a_count', 'gauge'), /belongs to histograms/],
    [text('aB', 'gauge'), /has capitals/],
    [text('a', 'gauge', 'a 1\na 2'), /is there twice/],
    [text('a', 'gauge', 'b 1'), /b has neither help nor type/],
    ['# TYPE a gauge\na 1\n', /has no help/],
    [text('a', 'gauge', 'a{le="1"} 1'), /has the label le/],
  ] as const) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      assert.match(lintExposition(bad).join('\n'), says);
    });
  }

  it('reads labels with escapes', () => {
    assert.deepEqual(seriesOf('a{b="x,y}",c="\\"q\\""} 1e3\n'), [
      { name: 'a', labels: { b: 'x,y}', c: '\\"q\\"' }, value: 1000 },
    ]);
  });
});

describe('the linter of alert rules', () => {
  const series = seriesOf('runs_total{end="failed"} 0\nfree_bytes 1\n');

  it('accepts rules about existing metrics', () => {
    for (const expr of [
      'rate(runs_total{end="failed"}[5m]) > 0',
      'free_bytes < 1',
      'rate(runs_total{end=~"f.*"}[1h]) > 0',
    ]) {
      assert.deepEqual(selectorProblems(expr, series), [], expr);
    }
  });

  it('refuses unknown names, labels and values, and misplaced ranges', () => {
    for (const expr of [
      'rate(run_total[5m]) > 0',
      'rate(runs_total{ending="failed"}[5m]) > 0',
      'rate(runs_total{end="fail"}[5m]) > 0',
      'runs_total[5m] > 0',
      'rate(runs_total) > 0',
      'rate(runs_total[five]) > 0',
      'rate(runs_total[5m] > 0',
      '1 > 0',
    ]) {
      assert.notDeepEqual(selectorProblems(expr, series), [], expr);
    }
  });
});
