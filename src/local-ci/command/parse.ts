import { Argument, Command } from 'commander';
import { EVENT_NAMES, GRAPH_FORMATS, RERUNS, SHELLS, localCiCommand } from './options.js';
import type { GivenOptions } from './options.js';

export type EventWord = (typeof EVENT_NAMES)[number];

export type Shell = (typeof SHELLS)[number];

/** The parsed command line, before files with options are laid below it. */
export type Invocation =
  | { readonly kind: 'completion'; readonly shell: Shell }
  | {
      readonly kind: 'ci';
      readonly path: string | undefined;
      readonly event: EventWord | undefined;
      readonly given: GivenOptions;
    };

/** Options that may stand without their value, with the value that they then have. */
const OPTIONAL_VALUES: Readonly<Record<string, readonly [values: readonly string[], otherwise: string]>> = {
  '--rerun': [RERUNS, 'all'],
  '--graph': [GRAPH_FORMATS, 'dot'],
};

/**
 * Parses the command line. For help, version and wrong usage commander prints the text and throws a CommanderError.
 * A first operand that is the name of an event is the event; `./push` is a directory.
 */
export function parseCommandLine(argv: readonly string[], version: string): Invocation {
  const [first, ...rest] = argv;
  if (first === 'completion') return { kind: 'completion', shell: parseCompletion(rest) };
  const command = localCiCommand(version);
  command.parse(withValues(argv), { from: 'user' });
  const given = command.opts<GivenOptions>();
  const [one, two] = command.args;
  if (two === undefined) {
    return isEvent(one) ? { kind: 'ci', path: undefined, event: one, given } : ci(one, undefined, given);
  }
  if (isEvent(two)) return ci(one, two, given);
  if (isEvent(one)) return ci(two, one, given);
  return command.error(`error: there is no event "${two}": expected one of ${EVENT_NAMES.join(', ')}`);
}

/** Returns the options of one line of a file. Throws a CommanderError, whose message says what is wrong, silently. */
export function parseOption(argument: string): GivenOptions {
  const command = localCiCommand('').configureOutput({ writeErr: () => undefined });
  command.parse([argument], { from: 'user' });
  return command.opts<GivenOptions>();
}

function ci(path: string | undefined, event: EventWord | undefined, given: GivenOptions): Invocation {
  return { kind: 'ci', path, event, given };
}

function isEvent(word: string | undefined): word is EventWord {
  return EVENT_NAMES.some((name) => name === word);
}

/** Commander would take the next operand for an optional value; here only the words that are values are taken. */
function withValues(argv: readonly string[]): readonly string[] {
  return argv.flatMap((word, index) => {
    const [values, otherwise] = OPTIONAL_VALUES[word] ?? [];
    if (!values || otherwise === undefined) return [word];
    return values.includes(argv[index + 1] ?? '') ? [word] : [`${word}=${otherwise}`];
  });
}

function parseCompletion(argv: readonly string[]): Shell {
  const command = new Command('local-ci completion')
    .description('Print a script that completes the command line of local-ci; your shell has to read it.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  bash: local-ci completion bash >~/.local/share/bash-completion/completions/local-ci
  zsh:  local-ci completion zsh >"\${fpath[1]}/_local-ci"
  fish: local-ci completion fish >~/.config/fish/completions/local-ci.fish
`,
    )
    .showHelpAfterError('(--help shows how)')
    .exitOverride();
  command.parse([...argv], { from: 'user' });
  return command.args[0] as Shell;
}
