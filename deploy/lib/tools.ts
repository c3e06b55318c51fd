/** A program of another project, as it is to be run. No secret may be among the arguments: everybody sees those. */
export interface Call {
  readonly command: string;
  readonly args: readonly string[];
  /** Variables added to our own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory; ours when not given. */
  readonly cwd?: string;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The programs on the PATH. */
export interface Tools {
  /** Runs it to its end and keeps what it prints; undefined when there is no such program. */
  capture(call: Call): Promise<Ended | undefined>;
  /** The same, with each line of its standard output given to `onLine` at once; its standard error is our own. */
  follow(call: Call, onLine: (line: string) => void): Promise<number | undefined>;
  /** Runs it to its end on our own terminal, and returns its exit code; undefined when there is no such program. */
  run(call: Call): Promise<number | undefined>;
}

/** A call as one would type it. */
export function typed({ command, args }: Call): string {
  return [command, ...args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
