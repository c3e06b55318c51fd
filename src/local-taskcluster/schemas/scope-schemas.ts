import { Schema } from '../http/schema.js';

export interface ScopeSet {
  readonly scopes: readonly string[];
}

/** A list of scopes in printable ASCII; a star has a meaning only at the end of a scope. */
export const SCOPES = { type: 'array', items: { type: 'string', pattern: '^[\\x20-\\x7e]*$' } } as const;

/** A list of scopes without duplicates. */
export const DISTINCT_SCOPES = { ...SCOPES, uniqueItems: true } as const;

export const SCOPE_SET = new Schema<ScopeSet>('Scopeset', {
  type: 'object',
  additionalProperties: false,
  properties: { scopes: DISTINCT_SCOPES },
  required: ['scopes'],
});
