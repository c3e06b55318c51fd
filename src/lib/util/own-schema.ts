import { Ajv } from 'ajv';
import type { AnySchema, Options, ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';

/**
 * An ajv for schemas that are part of the worker. They are not themselves checked, which would take longer than anything
 * else at the start of a worker; tests do that. Nor is the code that checks values made shorter, which takes as long as
 * making it.
 */
export function ajvOfOwnSchemas(options: Options = {}): Ajv {
  const ajv = new Ajv({ meta: false, validateSchema: false, code: { optimize: false }, ...options });
  ajvFormats.default(ajv, ['date-time']);
  return ajv;
}

/** Whether something read from a file is what `schema` says; fails, in words about `name`, when it is not. */
export type SchemaAssertion<T> = (value: unknown) => T;

/** Compiled at the first use, as a worker that starts may have nothing to check. */
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
