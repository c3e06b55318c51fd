import { Schema } from '../http/schema.js';

/** The definition of an object without other properties than these; all but the optional ones have to be there. */
export function objectOf(properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, properties, required };
}

/** The schema of one page of a list whose items are in the property `name`. */
export function listSchema(title: string, name: string, items: object): Schema<unknown> {
  const properties = { [name]: { type: 'array', items }, continuationToken: { type: 'string' } };
  return new Schema<unknown>(title, objectOf(properties, ['continuationToken']));
}
