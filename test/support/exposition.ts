import assert from 'node:assert/strict';

/** One line of metrics in Prometheus' text format. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\.)*)",?/y;

/** All samples of a text. */
export function seriesOf(text: string): readonly Series[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
    return { name, labels: labelsOf(labels), value: numberOf(value) };
  });
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  let end = 0;
  for (let match = LABEL.exec(text); match; match = LABEL.exec(text)) {
    labels[match[1] ?? ''] = match[2] ?? '';
    end = LABEL.lastIndex;
  }
  assert.equal(end, text.length, `labels can't be read: ${text}`);
  return labels;
}

function numberOf(text: string): number {
  if (['NaN', '+Inf', '-Inf', 'Nan'].includes(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = Number(text);
  assert.ok(!Number.isNaN(value), `no number: ${text}`);
  return value;
}

/** Units that stand for a base unit, of which Prometheus wants the base unit itself. */
const OTHER_UNITS = [
  ...['milliseconds', 'microseconds', 'nanoseconds', 'minutes', 'hours', 'days', 'weeks'],
  ...['kilobytes', 'megabytes', 'gigabytes', 'kibibytes', 'mebibytes', 'gibibytes', 'bits', 'percent', 'fahrenheit'],
];
const ABBREVIATIONS = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd'];
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/**
 * What `promtool check metrics` has against a text, by the rules of Prometheus' own linter; empty when it has nothing.
 * That is a Go program, which no test may need.
 */
export function lintExposition(text: string): readonly string[] {
  assert.ok(text.endsWith('\n'), 'the last line has no end');
  const families = familiesOf(text);
  const problems = families.flatMap(problemsOf);
  const names = families.map(({ name }) => name);
  const seen = new Set<string>();
  for (const { name, labels } of seriesOf(text)) {
    const key = JSON.stringify([name, Object.entries(labels).sort()]);
    if (seen.has(key)) problems.push(`${key} is there twice`);
    seen.add(key);
    const family = families.find((each) => isOf(each, name));
    if (!family) problems.push(`${name} has neither help nor type`);
    if (family?.type !== 'histogram' && 'le' in labels) problems.push(`${name} has the label le`);
    if (family?.type !== 'summary' && 'quantile' in labels) problems.push(`${name} has the label quantile`);
    for (const label of Object.keys(labels)) {
      if (/[A-Z]/.test(label)) problems.push(`${name}: the label ${label} has capitals`);
    }
  }
  if (new Set(names).size !== names.length) problems.push('a metric is there twice');
  return problems;
}

function isOf({ name, type }: Family, sample: string): boolean {
  if (sample === name) return true;
  return ['histogram', 'summary'].includes(type) && ['_bucket', '_sum', '_count'].some((end) => sample === name + end);
}

function familiesOf(text: string): readonly Family[] {
  const helps = new Map([...text.matchAll(/^# HELP (\S+) ?(.*)$/gm)].map(([, name = '', help = '']) => [name, help]));
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
    help: helps.get(name) ?? '',
  }));
}

function problemsOf({ name, type, help }: Family): string[] {
  const words = name.split('_');
  const rules: readonly (readonly [isBroken: boolean, words: string])[] = [
    [!TYPES.includes(type), `has the type ${type}`],
    [help === '', 'has no help'],
    [type === 'counter' && !name.endsWith('_total'), 'is a counter and does not end in _total'],
    [type !== 'counter' && name.endsWith('_total'), 'is no counter and ends in _total'],
    [/_(bucket|sum|count)$/.test(name), 'ends in what belongs to histograms'],
    [/[A-Z]/.test(name), 'has capitals'],
    [name.includes(':'), 'has a colon'],
    [words.some((word) => OTHER_UNITS.includes(word)), 'is not in a base unit'],
    [words.slice(1).some((word) => ABBREVIATIONS.includes(word)), 'has an abbreviated unit'],
    [words.some((word) => ['counter', 'gauge', 'histogram', 'summary'].includes(word)), 'has its type in its name'],
  ];
  return rules.flatMap(([isBroken, words]) => (isBroken ? [`${name} ${words}`] : []));
}
