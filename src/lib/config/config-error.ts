/** A configuration that can't be used. `problems` lists all there is to mend, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  /** The configuration keys they are about, as far as they are about keys. */
  readonly keys: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions & { readonly keys?: readonly string[] }) {
    super(problems.join('\n'), options);
    this.problems = problems;
    this.keys = options?.keys ?? [];
  }
}
