import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import ts from 'typescript';
import { PrometheusMetrics } from '../../../src/lib/log/prometheus-metrics.js';
import { alertRules, selectorProblems } from '../../support/alert-rules.js';
import { seriesOf } from '../../support/exposition.js';

const LEVELS = new Set(['debug', 'info', 'warn', 'error', 'alert']);

/** The names of events in `log.info('…')` and the like; what is filled in later is a star. */
async function loggedEvents(directory: string): Promise<ReadonlySet<string>> {
  const events = new Set<string>();
  const names = await readdir(directory, { recursive: true });
  for (const name of names.filter((each) => each.endsWith('.ts'))) {
    const text = await readFile(join(directory, name), 'utf8');
    const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) for (const event of eventsOf(node, file)) events.add(event);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return events;
}

function eventsOf({ expression, arguments: [event] }: ts.CallExpression, file: ts.SourceFile): readonly string[] {
  const isAccess = ts.isPropertyAccessExpression(expression) || ts.isElementAccessExpression(expression);
  if (!isAccess || !event || !/(^|[.#])log$/.test(expression.expression.getText(file))) return [];
  const level = ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined;
  if (level !== undefined && !LEVELS.has(level)) return [];
  return namesIn(event, file).map((name) => (level === 'alert' ? `[alert-operator] ${name}` : name));
}

function namesIn(node: ts.Expression, file: ts.SourceFile): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...namesIn(node.whenTrue, file), ...namesIn(node.whenFalse, file)];
  if (ts.isTemplateExpression(node)) {
    return [node.head.text + node.templateSpans.map(({ literal }) => `*${literal.text}`).join('')];
  }
  return assert.fail(`${file.fileName}: the name of an event is no constant: ${node.getText(file)}`);
}

/** What the first column of the tables below a heading names, each in backticks. */
function documented(page: string, heading: string): readonly string[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  const cells = section.matchAll(/^\| (`[^|]+`) +\|/gm);
  return [...cells].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

/** Whether `pattern`, with stars for any text, is what the page calls `name`. */
function matches(name: string, pattern: string): boolean {
  const literal = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.+')}$`).test(name);
}

describe('docs/operations.md', () => {
  let page: string;
  before(async () => {
    page = await readFile('docs/operations.md', 'utf8');
  });

  it('lists exactly the events of the worker log', async () => {
    const [lib, bin] = await Promise.all([loggedEvents('src/lib'), loggedEvents('src/bin')]);
    const logged = [...new Set([...lib, ...bin])];
    assert.ok(logged.length > 50, 'the events of the code are not found any more');
    const told = documented(page, 'The worker log');
    const untold = logged.filter((pattern) => !told.some((name) => matches(name, pattern)));
    assert.deepEqual(untold, [], 'events without a row');
    const stale = told.filter((name) => !logged.some((pattern) => matches(name, pattern)));
    assert.deepEqual(stale, [], 'rows without an event');
  });

  it('lists exactly the metrics', async () => {
    const metrics = new PrometheusMetrics();
    metrics.identify({ version: '1' });
    metrics.watchSlots({ capacity: 1, running: 0, busySlotSeconds: 0 });
    metrics.watchLog({ droppedLines: () => 0, alerts: () => 0 });
    metrics.watchHealth(
      () => Promise.resolve(true),
      () => undefined,
    );
    const names = [...(await metrics.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    assert.deepEqual([...documented(page, 'Metrics')].sort(), names.sort());
  });

  it('has alert rules with existing metrics, labels and values only', async () => {
    const metrics = new PrometheusMetrics();
    metrics.identify({ version: '1' });
    metrics.watchProcess();
    metrics.watchSlots({ capacity: 1, running: 0, busySlotSeconds: 0 });
    metrics.watchLog({ droppedLines: () => 0, alerts: () => 0 });
    metrics.watchHealth(
      () => Promise.resolve(true),
      () => undefined,
    );
    for (const what of ['live-log-certificate', 'interactive-certificate', 'credentials'] as const) {
      metrics.setEnd(what, new Date());
    }
    const series = seriesOf(await metrics.text());
    const [, text = ''] = /^```yaml\n(groups:\n[\s\S]*?)^```$/m.exec(page) ?? assert.fail('there are no rules');
    const rules = alertRules(load(text));
    assert.ok(rules.length >= 8, 'the rules are not found any more');
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, 'two rules have the same name');
    for (const { alert, expr } of rules) assert.deepEqual(selectorProblems(expr, series), [], alert);
  });
});
