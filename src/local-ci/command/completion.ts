import type { Command, Option } from 'commander';
import { EVENT_NAMES, SHELLS, localCiCommand } from './options.js';
import type { Shell } from './parse.js';

/** An option as a shell completes it. */
interface Completed {
  /** `--name`, and `-n` if it has one. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What completes its value: words, files, directories, anything else (`text`), or there is none. */
  readonly value: 'none' | 'text' | 'file' | 'directory' | readonly string[];
}

const FILES = /<(?:file|name=file)>$/;
const DIRECTORIES = /<directory>$/;

/** Returns the script that completes the command line in this shell. It needs nothing but the shell. */
export function completionScript(shell: Shell): string {
  const options = completedOptions(localCiCommand('0'));
  switch (shell) {
    case 'bash':
      return bash(options);
    case 'zsh':
      return zsh(options);
    case 'fish':
      return fish(options);
  }
}

function completedOptions(command: Command): readonly Completed[] {
  return [...command.createHelp().visibleOptions(command)].map((option) => ({
    flags: [option.short, option.long].flatMap((flag) => (flag === undefined ? [] : [flag])),
    description: option.description,
    value: valueOf(option),
  }));
}

function valueOf(option: Option): Completed['value'] {
  if (option.argChoices) return option.argChoices;
  if (!option.required && !option.optional) return 'none';
  if (FILES.test(option.flags)) return 'file';
  return DIRECTORIES.test(option.flags) ? 'directory' : 'text';
}

function bash(options: readonly Completed[]): string {
  const cases = options.flatMap(({ flags, value }) => {
    if (value === 'none') return [];
    return [`    ${flags.join(' | ')})`, `      ${bashReply(value)}`, '      return', '      ;;'];
  });
  const words = options.flatMap(({ flags }) => flags).join(' ');
  return [
    '# bash completion of local-ci',
    '_local_ci() {',
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}',
    '  COMPREPLY=()',
    '  case $before in',
    ...cases,
    '    completion)',
    '      if ((COMP_CWORD == 2)); then',
    `        ${bashReply(SHELLS)}`,
    '        return',
    '      fi',
    '      ;;',
    '  esac',
    '  if [[ $word == -* ]]; then',
    `    ${bashReply(words.split(' '))}`,
    '    return',
    '  fi',
    `  mapfile -t COMPREPLY < <(compgen -W '${EVENT_NAMES.join(' ')}' -- "$word"; compgen -d -- "$word")`,
    '  if ((COMP_CWORD == 1)); then mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W completion -- "$word"); fi',
    '}',
    'complete -o filenames -F _local_ci local-ci',
    '',
  ].join('\n');
}

function bashReply(value: Exclude<Completed['value'], 'none'>): string {
  switch (value) {
    case 'text':
      return ':';
    case 'file':
      return 'mapfile -t COMPREPLY < <(compgen -f -- "$word")';
    case 'directory':
      return 'mapfile -t COMPREPLY < <(compgen -d -- "$word")';
    default:
      return `mapfile -t COMPREPLY < <(compgen -W '${value.join(' ')}' -- "$word")`;
  }
}

function zsh(options: readonly Completed[]): string {
  const specs = options.flatMap(({ flags, description, value }) =>
    flags.map((flag) => `  ${inQuotes(`*${flag}[${zshText(description)}]${zshAction(value)}`)} \\`),
  );
  return [
    '#compdef local-ci',
    'if [[ $words[2] == completion ]]; then',
    `  _arguments '1:command:(completion)' '2:shell:(${SHELLS.join(' ')})'`,
    '  return',
    'fi',
    '_arguments -s -S \\',
    ...specs,
    '  \'1: : _alternative "events:event:(' + [...EVENT_NAMES, 'completion'].join(' ') + ')" "paths:path:_files"\' \\',
    `  '2:event:(${EVENT_NAMES.join(' ')})'`,
    '',
  ].join('\n');
}

function zshAction(value: Completed['value']): string {
  switch (value) {
    case 'none':
      return '';
    case 'text':
      return ':value: ';
    case 'file':
      return ':file:_files';
    case 'directory':
      return ':directory:_files -/';
    default:
      return `:value:(${value.join(' ')})`;
  }
}

function zshText(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
}

function fish(options: readonly Completed[]): string {
  const lines = options.map(({ flags, description, value }) => {
    const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
    return ['complete -c local-ci', ...names, `-d ${fishText(description)}`, ...fishValue(value)].join(' ');
  });
  return [
    '# fish completion of local-ci',
    `complete -c local-ci -n __fish_use_subcommand -a ${fishText([...EVENT_NAMES, 'completion'].join(' '))}`,
    `complete -c local-ci -n '__fish_seen_subcommand_from completion' -f -a ${fishText(SHELLS.join(' '))}`,
    ...lines,
    '',
  ].join('\n');
}

function fishValue(value: Completed['value']): readonly string[] {
  switch (value) {
    case 'none':
      return [];
    case 'text':
      return ['-x'];
    case 'file':
      return ['-r', '-F'];
    case 'directory':
      return ['-x', "-a '(__fish_complete_directories)'"];
    default:
      return ['-x', `-a ${fishText(value.join(' '))}`];
  }
}

/** In single quotes, where fish knows these two escapes. */
function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** In single quotes, for zsh. */
function inQuotes(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
