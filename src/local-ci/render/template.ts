import jsone from 'json-e';
import parameterize from 'json-parameterization';
import { brokenExpression } from './broken-expression.js';
import { TemplateProblem } from './render-problem.js';

/**
 * Renders a JSON-e template; undefined parts of it are left out. Throws TemplateProblem with JSON-e's words and place, or
 * RangeError for what is too large or too deep.
 */
export function renderTemplate(template: object, context: object): unknown {
  return inWords(() => jsone(template, context) as unknown, template);
}

/** Replaces `{{ name }}` in a file of version 0. Throws as `renderTemplate` does. */
export function substitute(file: object, parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return inWords(() => parameterize(file, parameters), {});
}

function inWords<T>(action: () => T, template: object): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError || !(error instanceof Error)) throw error;
    throw new TemplateProblem(wordsOf(error, template), { cause: error });
  }
}

function wordsOf(error: Error, template: object): string {
  // JSON-e's own errors know where they happened, which only toString() tells.
  if ('location' in error) return error.toString();
  const broken = brokenExpression(template);
  const place = broken === undefined ? '' : `: ${broken} is not a complete expression`;
  return `${error.name}: ${error.message}${place}`;
}
