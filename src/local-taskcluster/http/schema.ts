import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';

const ajv = new Ajv({ allErrors: true, useDefaults: true, discriminator: true, strict: true, strictRequired: false });
ajvFormats.default(ajv);

/** A JSON schema together with the type it promises. Unknown properties are refused unless the schema allows them. */
export class Schema<T> {
  readonly title: string;
  /** The definition as it was given. */
  readonly definition: object;
  readonly #validate: ValidateFunction<T>;

  constructor(title: string, definition: object) {
    this.title = title;
    this.definition = definition;
    this.#validate = ajv.compile<T>(definition);
  }

  /** Returns the value as T, with defaults filled in (in place), or all problems found. */
  check(value: unknown): { readonly value: T } | { readonly problems: readonly string[] } {
    if (this.#validate(value)) return { value };
    return { problems: (this.#validate.errors ?? []).map(describe) };
  }
}

function describe(error: ErrorObject): string {
  const where = `data${error.instancePath}`;
  const extra = 'additionalProperty' in error.params ? `: ${JSON.stringify(error.params['additionalProperty'])}` : '';
  const allowed = 'allowedValues' in error.params ? `: ${JSON.stringify(error.params['allowedValues'])}` : '';
  return `${where} ${error.message ?? error.keyword}${extra}${allowed}`;
}
