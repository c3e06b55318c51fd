import type { ErrorObject } from 'ajv';
import { nearestWord } from '../util/nearest-word.js';
import { shorten } from '../util/shorten.js';

const MAX_NAME_LENGTH = 200;
const MAX_PLACE_LENGTH = 1000;

/** What the payload's schema says about an image that is an object; only the parts used here. */
export interface ImageSchema {
  readonly oneOf: readonly { readonly type: string; readonly properties?: { readonly type: { enum: string[] } } }[];
}

/** Returns the errors about what the author meant: for an image, only those of the kind that it is. */
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

/** Returns an error in the wording that tools look for: ajv's, with `should` and the name of an unexpected property. */
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

/** Returns ` (did you mean "…"?)`, or nothing. */
function didYouMean({ parentSchema }: ErrorObject, name: string): string {
  const known = Object.keys((parentSchema?.['properties'] as object | undefined) ?? {});
  const meant = nearestWord(name, known);
  return meant === undefined ? '' : ` (did you mean "${meant}"?)`;
}

/** Returns the names of unknown features, each with a suggestion if there is one, as the beginning of a sentence. */
export function unknownFeatures(errors: readonly ErrorObject[]): readonly string[] {
  return errors.flatMap((error) => {
    const name = error.instancePath === '/features' ? additionalProperty(error) : undefined;
    return name === undefined ? [] : [shorten(name, MAX_NAME_LENGTH)];
  });
}

/**
 * Returns a copy of the payload without the parts that the schema rejects, so that other checks can run on it. Missing
 * values are not made up.
 */
export function withoutFaults(payload: unknown, errors: readonly ErrorObject[]): Readonly<Record<string, unknown>> {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return {};
  const rest = structuredClone(payload) as Record<string, unknown>;
  for (const error of errors) {
    const place = segments(error.instancePath);
    const unexpected = additionalProperty(error);
    // An error within an entry (of artifacts, for example) makes the whole entry useless.
    remove(rest, unexpected === undefined ? place.slice(0, 2) : [...place, unexpected]);
  }
  return rest;
}

/** Removes the value at a place, or the list that contains it. */
function remove(from: Record<string, unknown>, [key, ...inner]: readonly string[]): void {
  // The author chooses the names: one that was already removed must not be found in Object.prototype.
  if (key === undefined || !Object.hasOwn(from, key)) return;
  const value = from[key];
  const hasEntries = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (inner.length > 0 && hasEntries) remove(value as Record<string, unknown>, inner);
  else Reflect.deleteProperty(from, key);
}

/** Returns the names on the path to a place, as the author wrote them. */
function segments(instancePath: string): readonly string[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function additionalProperty({ params }: ErrorObject): string | undefined {
  return (params as { additionalProperty?: string }).additionalProperty;
}
