import jsone from 'json-e';
import { shorten } from '../../lib/util/shorten.js';
import { isObject } from './render-problem.js';

const LONGEST_EXPRESSION = 200;
const LONGEST_PLACE = 500;
/** The operators whose value is an expression, and those whose value has expressions as its keys. */
const VALUES = ['$eval', '$if'];
const KEYS = ['$switch', '$match'];

/**
 * Returns place and text of the first expression that JSON-e can't even read. For some of these, such as `1 +`, its
 * own error tells neither.
 */
export function brokenExpression(template: unknown): string | undefined {
  for (const { place, expression } of expressions(template, 'template')) {
    if (!isReadable(expression)) {
      return `${shorten(place, LONGEST_PLACE)} (${JSON.stringify(shorten(expression.text, LONGEST_EXPRESSION))})`;
    }
  }
  return undefined;
}

interface Expression {
  readonly text: string;
  /** What JSON-e is given to read it. */
  readonly template: object | string;
}

interface Found {
  readonly place: string;
  readonly expression: Expression;
}

/** Yields the expressions of a template in its order. */
function* expressions(template: unknown, place: string): Generator<Found> {
  if (typeof template === 'string') yield* interpolations(template, place);
  if (Array.isArray(template)) {
    for (const [index, item] of template.entries()) yield* expressions(item, `${place}[${index}]`);
  }
  if (!isObject(template)) return;
  for (const [key, value] of Object.entries(template)) {
    const at = /^[$A-Za-z]\w*$/.test(key) ? `${place}.${key}` : `${place}[${JSON.stringify(key)}]`;
    if (VALUES.includes(key) && typeof value === 'string') yield { place: at, expression: evaluated(value) };
    else yield* expressions(value, at);
    if (KEYS.includes(key) && isObject(value)) {
      for (const text of Object.keys(value)) if (text !== '$default') yield { place: at, expression: evaluated(text) };
    }
  }
}

function evaluated(text: string): Expression {
  return { text, template: { $eval: text } };
}

/** Yields each `${…}` of a text alone: reading stops at the first that has no value. */
function* interpolations(text: string, place: string): Generator<Found> {
  const [, ...parts] = text.split('${');
  for (const part of parts) yield { place, expression: { text: `\${${part}`, template: `\${${part}` } };
}

/** Whether only the values are missing, which is an error of JSON-e's own. */
function isReadable({ template }: Expression): boolean {
  try {
    jsone(template, {});
    return true;
  } catch (error) {
    return error instanceof Error && 'location' in error;
  }
}
