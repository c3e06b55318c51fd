/**
 * A call of an external program. Its arguments must not contain secrets, since every user of the machine can see them.
 */
export interface Call {
  readonly command: string;
  readonly args: readonly string[];
  /** Environment variables in addition to our own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory; our own by default. */
  readonly cwd?: string;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The programs on the PATH. */
export interface Tools {
  /** Runs the program and returns its output; undefined when there is no such program. */
  capture(call: Call): Promise<Ended | undefined>;
  /** Does the same, but passes each line of standard output to `onLine` at once; standard error is our own. */
  follow(call: Call, onLine: (line: string) => void): Promise<number | undefined>;
  /** Runs the program on our own terminal and returns its exit code; undefined when there is no such program. */
  run(call: Call): Promise<number | undefined>;
}

/** Returns the call as it would be typed in a shell. */
export function commandLine({ command, args }: Call): string {
  return [command, ...args].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
