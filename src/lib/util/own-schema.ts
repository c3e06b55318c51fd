import { Ajv } from 'ajv';
import type { AnySchema, Options, ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';

/**
 * Creates an ajv for schemas that are part of the worker. Checking the schemas would take longer than the rest of the
 * worker's start, so tests do that instead. Optimizing the generated code would take as long as generating it, so it is
 * off.
 */
export function ajvOfOwnSchemas(options: Options = {}): Ajv {
  const ajv = new Ajv({ meta: false, validateSchema: false, code: { optimize: false }, ...options });
  ajvFormats.default(ajv, ['date-time']);
  return ajv;
}

/** Returns the value if it matches `schema`; otherwise throws an error about `name`. */
export type SchemaAssertion<T> = (value: unknown) => T;

/** Compiled at first use, because a starting worker may have nothing to check. */
export function schemaAssertion<T>(schema: AnySchema, name: string): SchemaAssertion<T> {
  let compiled: { readonly ajv: Ajv; readonly isValid: ValidateFunction<T> } | undefined;
  const compile = (): NonNullable<typeof compiled> => {
    const ajv = ajvOfOwnSchemas();
    return { ajv, isValid: ajv.compile<T>(schema) };
  };
  return (value) => {
    const { ajv, isValid } = (compiled ??= compile());
    if (isValid(value)) return value;
    throw new Error(ajv.errorsText(isValid.errors, { dataVar: name }));
  };
}
