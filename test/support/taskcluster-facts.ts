import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';

/** A method as Taskcluster's own references describe it. */
export interface MethodFact {
  readonly service: string;
  readonly name: string;
  readonly method: string;
  readonly route: string;
  readonly query: readonly string[];
  readonly scopes?: unknown;
  /** The id of a schema. */
  readonly input?: string;
  readonly output?: string;
  readonly in: 'both' | '99.2.1' | 'main';
}

interface SchemaFact {
  readonly id: string;
  /** At v99.2.1. */
  readonly schema?: object;
  /** Where main has another one. */
  readonly main?: object;
}

export type Release = '99.2.1' | 'main';

const FIXTURES = new URL('../fixtures/taskcluster-api/', import.meta.url);

/** The methods of the services of which the local Taskcluster has a part. */
export const METHODS = linesOf('methods.jsonl') as readonly MethodFact[];

const SCHEMAS = new Map((linesOf('schemas.jsonl') as readonly SchemaFact[]).map((fact) => [fact.id, fact]));

function linesOf(name: string): readonly unknown[] {
  const text = readFileSync(new URL(name, FIXTURES), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

export function methodFact(service: string, name: string): MethodFact | undefined {
  return METHODS.find((fact) => fact.service === service && fact.name === name);
}

function schemaOf(id: string, release: Release): object {
  const fact = SCHEMAS.get(id);
  const schema = release === 'main' ? (fact?.main ?? fact?.schema) : (fact?.schema ?? fact?.main);
  if (!schema) throw new Error(`the facts do not have the schema ${id}`);
  return schema;
}

/** The schema with all that it refers to in its place, spelled as `normalized` spells. */
export function realSchema(id: string, release: Release, kind: Kind): unknown {
  return normalized(resolved(schemaOf(id, release), schemaOf(id, release), release), kind);
}

type Json = Readonly<Record<string, unknown>>;

function resolved(value: unknown, root: object, release: Release): unknown {
  if (Array.isArray(value)) return value.map((each) => resolved(each, root, release));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...rest } = value as Json;
  const own = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, resolved(each, root, release)]));
  if (typeof $ref !== 'string') return own;
  const [id = '', pointer = ''] = $ref.split('#');
  const target = id === '' ? root : schemaOf(id, release);
  const part = pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((at, key) => (at as Json)[key], target);
  return { ...(resolved(part, target, release) as Json), ...own };
}

/** Requests are checked as the services do; for answers it does not matter what would be filled in. */
export type Kind = 'input' | 'output';

/** The same schema in one spelling, so that two that mean the same are equal. */
export function normalized(value: unknown, kind: Kind): unknown {
  if (Array.isArray(value)) return value.map((each) => normalized(each, kind));
  if (typeof value !== 'object' || value === null) return value;
  const schema = spread(value as Json);
  const entries = Object.entries(schema).flatMap(([key, each]) => keyword(key, each, { schema, kind }));
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function keyword(
  key: string,
  value: unknown,
  { schema, kind }: { readonly schema: Json; readonly kind: Kind },
): readonly (readonly [string, unknown])[] {
  switch (key) {
    case 'properties':
      return [
        [key, Object.fromEntries(Object.entries(value as Json).map(([name, each]) => [name, normalized(each, kind)]))],
      ];
    case 'const':
      return [['enum', [value]]];
    case 'enum':
      return [[key, [...(value as readonly unknown[])].sort()]];
    case 'discriminator':
      return [];
    case 'type':
      return 'enum' in schema || 'const' in schema ? [] : [[key, value]];
    case 'required':
      return (value as readonly string[]).length === 0 ? [] : [[key, [...(value as readonly string[])].sort()]];
    case 'pattern':
      return [[key, spelled(String(value))]];
    case 'additionalProperties':
      return value === true ? [] : [[key, normalized(value, kind)]];
    case 'uniqueItems':
      return value === true && kind === 'input' ? [[key, value]] : [];
    case 'minLength':
    case 'minProperties':
      return value === 0 ? [] : [[key, value]];
    case 'default':
      return kind === 'output' || (Array.isArray(value) && schema['type'] === 'object') ? [] : [[key, value]];
    default:
      return [[key, normalized(value, kind)]];
  }
}

/** What is said once for all variants is said in each of them. */
function spread(schema: Json): Json {
  const key = ['oneOf', 'anyOf'].find((each) => each in schema);
  if (key === undefined) return schema;
  const { type, required, ...rest } = schema;
  const variants = (schema[key] as readonly Json[]).map((variant) => ({
    ...(type !== undefined && { type }),
    ...(required !== undefined && { required }),
    ...variant,
  }));
  return { ...rest, [key]: variants };
}

function spelled(pattern: string): string {
  return pattern
    .replace(/^\^\(([^()]*)\)\$$/, '^$1$')
    .replaceAll('[a-zA-Z0-9-_]', '[a-zA-Z0-9_-]')
    .replaceAll('[ -~]', '[\\x20-\\x7e]');
}

/** Why the value is not what the services of that release answer, or `undefined`. */
export function problemWith(id: string, value: unknown, release: Release): string | undefined {
  const ajv = AJV[release];
  const validate = ajv.getSchema(`${BASE}/${id}`);
  if (!validate) throw new Error(`the facts do not have the schema ${id}`);
  return validate(value) === true ? undefined : ajv.errorsText(validate.errors);
}

const BASE = 'https://facts.test';
const AJV: Readonly<Record<Release, Ajv>> = { '99.2.1': validatorOf('99.2.1'), main: validatorOf('main') };

function validatorOf(release: Release): Ajv {
  const ajv = new Ajv({ allErrors: true, strict: false });
  ajvFormats.default(ajv);
  for (const id of SCHEMAS.keys()) {
    // Schemas refer to others by id, from the top.
    const text = JSON.stringify(schemaOf(id, release)).replaceAll(/"\$ref":"([^#"])/g, '"$ref":"/$1');
    ajv.addSchema({ ...(JSON.parse(text) as object), $id: `${BASE}/${id}` });
  }
  return ajv;
}
