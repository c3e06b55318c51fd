interface ConfigErrorOptions extends ErrorOptions {
  readonly keys?: readonly string[];
  readonly isOccupied?: boolean;
}

/** A configuration that can't be used. `problems` lists all there is to mend, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  /** The configuration keys they are about, as far as they are about keys. */
  readonly keys: readonly string[];
  /** Nothing is wrong but that another program on this machine, such as a worker that still runs, has what is asked for. */
  readonly isOccupied: boolean;

  constructor(problems: readonly string[], options: ConfigErrorOptions = {}) {
    super(problems.join('\n'), options);
    this.problems = problems;
    this.keys = options.keys ?? [];
    this.isOccupied = options.isOccupied ?? false;
  }
}
