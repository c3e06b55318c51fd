import { Schema } from '../http/schema.js';

export interface ScopeSet {
  readonly scopes: readonly string[];
}

/** A list of scopes, each printable ASCII with a star at the end at most meaning something. */
export const SCOPES = { type: 'array', items: { type: 'string', pattern: '^[\\x20-\\x7e]*$' } } as const;

/** The same without doubles. */
export const DISTINCT_SCOPES = { ...SCOPES, uniqueItems: true } as const;

export const SCOPE_SET = new Schema<ScopeSet>('Scopeset', {
  type: 'object',
  additionalProperties: false,
  properties: { scopes: DISTINCT_SCOPES },
  required: ['scopes'],
});
