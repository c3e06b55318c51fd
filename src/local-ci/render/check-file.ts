import type { ErrorObject } from 'ajv';
import { nearestWord } from '../../lib/util/nearest-word.js';
import { ajvOfOwnSchemas } from '../../lib/util/own-schema.js';
import { shorten } from '../../lib/util/shorten.js';
import { trimEnd } from '../../lib/util/trim-end.js';
import type { JsonObject } from '../model.js';
import { SCHEMA_OF_VERSION_0, SCHEMA_OF_VERSION_1 } from './file-schemas.js';
import { isObject, kindOf, RenderProblem } from './render-problem.js';

/** A file that matches its schema, with its defaults. */
export type CheckedFile = FileOfVersion0 | FileOfVersion1;

export interface FileOfVersion0 {
  readonly version: 0;
  /** All but the version, in which `{{ name }}` is replaced. */
  readonly template: JsonObject;
}

export interface FileOfVersion1 {
  readonly version: 1;
  readonly hooks: readonly { readonly name: string; readonly context: JsonObject }[];
  /** All but version and hooks: one JSON-e template. */
  readonly template: JsonObject;
}

const SCHEMAS = {
  0: { schema: SCHEMA_OF_VERSION_0, name: 'taskcluster-github-config' },
  1: { schema: SCHEMA_OF_VERSION_1, name: 'taskcluster-github-config.v1' },
} as const;
const MOST_ERRORS = 20;
const LONGEST_PLACE = 200;
const LONGEST_NAME = 100;

/**
 * Returns the parts of a file; defaults are filled in, in `content` itself. Throws RenderProblem with all errors of a file
 * that does not match the schema of its version, in the words of the github service at `rootUrl`.
 */
export function checkedFile(content: unknown, rootUrl: string): CheckedFile {
  if (!isObject(content)) {
    throw new RenderProblem(`the file must hold a map with "version" and "tasks", not ${kindOf(content)}`);
  }
  const version = versionOf(content);
  const { schema, name } = SCHEMAS[version];
  const isValid = ajvOfOwnSchemas({ useDefaults: true, allErrors: true, verbose: true }).compile(schema);
  if (isValid(content)) return partsOf(content);
  const url = `${trimEnd(rootUrl, '/')}/schemas/github/v1/${name}.json#`;
  const errors = isValid.errors ?? [];
  const more = errors.length > MOST_ERRORS ? [`… and ${errors.length - MOST_ERRORS} more`] : [];
  const list = [...errors.slice(0, MOST_ERRORS).map(inWords), ...more].map((line) => `\n  * ${line}`).join('');
  throw new RenderProblem(`\nSchema Validation Failed!\nRejecting Schema: ${url}\nErrors:${list}`);
}

function partsOf({ version, hooks, ...template }: JsonObject): CheckedFile {
  return version === 0 ? { version, template } : { version: 1, hooks: hooks as FileOfVersion1['hooks'], template };
}

/** A version in quotes selects a schema too, which then refuses it. */
function versionOf({ version }: JsonObject): 0 | 1 {
  if (version === 0 || version === '0') return 0;
  if (version === 1 || version === '1') return 1;
  const found = version === undefined ? 'has no version' : `has version ${describe(version)}`;
  throw new RenderProblem(`the file ${found}: write "version: 1" at its top (there are the versions 0 and 1)`);
}

function describe(value: unknown): string {
  return isObject(value) || Array.isArray(value) ? kindOf(value) : shorten(String(value), LONGEST_NAME);
}

function inWords({ instancePath, message, params, parentSchema }: ErrorObject): string {
  const place = shorten(instancePath, LONGEST_PLACE);
  return `data${place} ${message ?? 'is wrong'}${detailOf(params as Params, parentSchema)}`;
}

interface Params {
  readonly additionalProperty?: string;
  readonly allowedValues?: readonly unknown[];
}

function detailOf({ additionalProperty, allowedValues }: Params, parentSchema: ErrorObject['parentSchema']): string {
  if (additionalProperty !== undefined) {
    const { properties = {} } = parentSchema as { readonly properties?: object };
    const meant = nearestWord(additionalProperty, Object.keys(properties));
    const hint = meant === undefined ? '' : ` (did you mean "${meant}"?)`;
    return `: ${JSON.stringify(shorten(additionalProperty, LONGEST_NAME))}${hint}`;
  }
  return allowedValues ? `: ${allowedValues.join(', ')}` : '';
}
