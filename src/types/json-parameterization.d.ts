/** json-parameterization ships no types. */
declare module 'json-parameterization' {
  /**
   * Returns a copy of `input` in which `{{ name }}` in strings and keys is replaced by the parameter of that name. A
   * parameter that is a function takes what is left of it in a pipe: `{{ 'text' | name }}`.
   */
  function parameterize(input: object, parameters: Readonly<Record<string, unknown>>): Record<string, unknown>;
  export = parameterize;
}
