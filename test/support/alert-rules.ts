import assert from 'node:assert/strict';
import type { Series } from './exposition.js';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
}

const RULE_KEYS = ['alert', 'expr', 'for', 'labels', 'annotations'];
const DURATION = /^\d+(ms|[smhdwy])$/;
const SELECTOR = /\b([a-z][a-z0-9_]*_[a-z0-9_]+)(?:\{([^}]*)\})?(?:\[([^\]]*)\])?/g;
const MATCHER = /^([a-z_]+)(=~|!~|!=|=)"([^"]*)"$/;
const RANGE_FUNCTIONS = ['rate', 'increase', 'changes'];

/** The alerts of a file of rules, which has to be one. */
export function alertRules(file: unknown): readonly AlertRule[] {
  const { groups, ...others } = file as {
    readonly groups: readonly { readonly name: string; readonly rules: object[] }[];
  };
  assert.deepEqual(others, {});
  return groups.flatMap(({ name, rules, ...more }) => {
    assert.ok(name);
    assert.deepEqual(more, {});
    return rules.map((rule) => {
      for (const key of Object.keys(rule)) assert.ok(RULE_KEYS.includes(key), `${key} is no key of a rule`);
      const { alert, expr, for: patience = '1m' } = rule as AlertRule & { readonly for?: string };
      assert.match(alert, /^[A-Z][A-Za-z]+$/);
      assert.match(patience, DURATION);
      return { alert, expr };
    });
  });
}

/** What an expression asks for that none of `series` has; ranges without a function for them, and the reverse. */
export function selectorProblems(expr: string, series: readonly Series[]): readonly string[] {
  const selectors = [...expr.matchAll(SELECTOR)];
  if (selectors.length === 0) return [`${expr} asks for no metric`];
  const balance = expr.split('(').length - expr.split(')').length;
  const problems = balance === 0 ? [] : [`${expr}: parentheses are missing`];
  for (const { 0: whole, 1: name = '', 2: labels = '', 3: range, index } of selectors) {
    const called = RANGE_FUNCTIONS.some((each) => expr.slice(0, index).endsWith(`${each}(`));
    if (called !== (range !== undefined)) problems.push(`${whole}: a range belongs into a function, and into it only`);
    if (range !== undefined && !DURATION.test(range)) problems.push(`${whole}: no duration`);
    const matchers = labels.split(',').filter(Boolean);
    const isMet = (each: Series): boolean => each.name === name && matchers.every((matcher) => meets(each, matcher));
    if (!series.some(isMet)) problems.push(`${whole} is nothing that there is`);
  }
  return problems;
}

function meets({ labels }: Series, matcher: string): boolean {
  const [, label = '', operator, value = ''] = MATCHER.exec(matcher.trim()) ?? assert.fail(`no matcher: ${matcher}`);
  const found = labels[label];
  if (found === undefined) return false;
  const isEqual = operator === '=~' || operator === '!~' ? new RegExp(`^(?:${value})$`).test(found) : found === value;
  return operator?.startsWith('!') ? !isEqual : isEqual;
}
