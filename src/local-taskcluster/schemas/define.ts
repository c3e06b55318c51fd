import { Schema } from '../http/schema.js';

/** Returns the definition of an object with exactly these properties; all but the optional ones are required. */
export function objectOf(properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', additionalProperties: false, properties, required };
}

/** Returns the schema of one page of a list whose items are in the property `name`. */
export function listSchema(title: string, name: string, items: object): Schema<unknown> {
  const properties = { [name]: { type: 'array', items }, continuationToken: { type: 'string' } };
  return new Schema<unknown>(title, objectOf(properties, ['continuationToken']));
}
