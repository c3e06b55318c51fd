interface ConfigErrorOptions extends ErrorOptions {
  readonly keys?: readonly string[];
  readonly isOccupied?: boolean;
}

/** An invalid configuration. `problems` lists everything to fix, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  /** The configuration keys that the problems are about, if any. */
  readonly keys: readonly string[];
  /** The only problem is that another program on this machine, such as a running worker, uses what is configured. */
  readonly isOccupied: boolean;

  constructor(problems: readonly string[], options: ConfigErrorOptions = {}) {
    super(problems.join('\n'), options);
    this.problems = problems;
    this.keys = options.keys ?? [];
    this.isOccupied = options.isOccupied ?? false;
  }
}
