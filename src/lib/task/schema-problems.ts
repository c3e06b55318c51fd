import type { ErrorObject } from 'ajv';
import { nearestWord } from '../util/nearest-word.js';
import { shorten } from '../util/shorten.js';

const MAX_NAME_LENGTH = 200;
const MAX_PLACE_LENGTH = 1000;

/** What the payload's schema says of an image that is an object; only what is looked at here. */
export interface ImageSchema {
  readonly oneOf: readonly { readonly type: string; readonly properties?: { readonly type: { enum: string[] } } }[];
}

/** The errors that speak of what the author meant: of an image, those of the one kind that it is. */
export function relevantErrors(
  errors: readonly ErrorObject[],
  payload: unknown,
  imageSchema: ImageSchema,
): readonly ErrorObject[] {
  if (!errors.some(isAboutImage)) return errors;
  const image = (payload as { readonly image?: unknown }).image;
  const isObject = typeof image === 'object' && image !== null && !Array.isArray(image);
  const type = isObject ? (image as { readonly type?: unknown }).type : undefined;
  const branch = imageSchema.oneOf.findIndex(({ properties, type: kind }) =>
    isObject ? properties?.type.enum.some((name) => name === type) === true : kind === 'string',
  );
  const types = imageSchema.oneOf.flatMap(({ properties }) => properties?.type.enum ?? []);
  const others = errors.filter((error) => !isAboutImage(error));
  if (branch >= 0 && (isObject || typeof image === 'string')) {
    const own = `#/properties/image/oneOf/${branch}/`;
    return [...errors.filter(({ schemaPath }) => schemaPath.startsWith(own)), ...others];
  }
  const message = isObject
    ? 'must be equal to one of the allowed values'
    : 'must be the name of an image, or an object with a type';
  const instancePath = isObject ? '/image/type' : '/image';
  const error = { instancePath, schemaPath: '', keyword: 'enum', params: { allowedValues: types }, message };
  return [error, ...others];
}

function isAboutImage({ schemaPath }: ErrorObject): boolean {
  return schemaPath.startsWith('#/properties/image/oneOf');
}

/** An error in the wording that tools look for: ajv's, with `should` and the name of an unexpected property. */
export function inWords(error: ErrorObject): string {
  const message = (error.message ?? 'is wrong').replace(/\bmust\b/g, 'should');
  const place = shorten(
    segments(error.instancePath)
      .map((name) => `/${name}`)
      .join(''),
    MAX_PLACE_LENGTH,
  );
  return `data${place} ${message}${detail(error)}`;
}

function detail(error: ErrorObject): string {
  const unexpected = additionalProperty(error);
  const { allowedValues } = error.params as { allowedValues?: readonly unknown[] };
  if (unexpected !== undefined) return `: "${shorten(unexpected, MAX_NAME_LENGTH)}"${didYouMean(error, unexpected)}`;
  if (allowedValues) return `: ${allowedValues.join(', ')}`;
  if (error.instancePath !== '/command' || typeof error.data !== 'string') return '';
  const command = JSON.stringify(shorten(error.data, MAX_NAME_LENGTH));
  return `: write a list of words, or for a line of the shell: ["/bin/sh", "-c", ${command}]`;
}

/** ` (did you mean "…"?)`, or nothing. */
function didYouMean({ parentSchema }: ErrorObject, name: string): string {
  const known = Object.keys((parentSchema?.['properties'] as object | undefined) ?? {});
  const meant = nearestWord(name, known);
  return meant === undefined ? '' : ` (did you mean "${meant}"?)`;
}

/** Features that are none, with what was meant perhaps, as sentences begin. */
export function unknownFeatures(errors: readonly ErrorObject[]): readonly string[] {
  return errors.flatMap((error) => {
    const name = error.instancePath === '/features' ? additionalProperty(error) : undefined;
    return name === undefined ? [] : [shorten(name, MAX_NAME_LENGTH)];
  });
}

/**
 * A copy of the payload without all that the schema finds fault with, to look for what it can't say. Of what is missing
 * nothing is made up.
 */
export function withoutFaults(payload: unknown, errors: readonly ErrorObject[]): Readonly<Record<string, unknown>> {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return {};
  const rest = structuredClone(payload) as Record<string, unknown>;
  for (const error of errors) {
    const place = segments(error.instancePath);
    const unexpected = additionalProperty(error);
    // What is wrong within an entry, of artifacts for example, makes all of the entry useless.
    remove(rest, unexpected === undefined ? place.slice(0, 2) : [...place, unexpected]);
  }
  return rest;
}

/** Takes away what is there, or the list that it is in. */
function remove(from: Record<string, unknown>, [key, ...inner]: readonly string[]): void {
  // Names are the author's: what is not there any more must not be looked for in a prototype, such as that of all objects.
  if (key === undefined || !Object.hasOwn(from, key)) return;
  const value = from[key];
  const hasEntries = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (inner.length > 0 && hasEntries) remove(value as Record<string, unknown>, inner);
  else Reflect.deleteProperty(from, key);
}

/** The names on the way to a place, as the author wrote them. */
function segments(instancePath: string): readonly string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function additionalProperty({ params }: ErrorObject): string | undefined {
  return (params as { additionalProperty?: string }).additionalProperty;
}
