import { join } from 'node:path';
import { CommanderError } from 'commander';
import { shorten } from '../../lib/util/shorten.js';
import { CiInputError } from '../model.js';
import type { GivenOptions } from './options.js';
import { mergeGiven, withPathsFrom } from './merge.js';
import { parseOption } from './parse.js';
import { readText } from './read-text.js';

/** The file at the top of a repository. */
export const REPOSITORY_FILE = '.local-circ';
/** The user's own file, below the directory for configurations. */
const USER_FILE = join('local-ci', 'rc');

/** A file with options and its content. */
export interface OptionFile {
  /** For messages. */
  readonly path: string;
  readonly text: string;
  /** Paths in it are relative to this directory. */
  readonly directory: string;
  /** `repository`: of whoever wrote that, who may be a stranger. */
  readonly owner: 'user' | 'repository';
}

const MAX_BYTES = 64 * 1024;
const SHOWN_LENGTH = 200;

/**
 * What a repository's file may set: how its tasks are rendered, chosen and shown. Nothing that reads or writes elsewhere
 * on this machine, hands out secrets, or widens what tasks may do.
 */
const ALLOWED_IN_REPOSITORY: ReadonlySet<string> = new Set<keyof GivenOptions>([
  ...(['branch', 'base', 'action', 'number', 'actor', 'head', 'rootUrl', 'upstream', 'offline'] as const),
  ...(['task', 'only', 'concurrency', 'keepGoing', 'failFast', 'env', 'image'] as const),
]);

/** What a command line is for, and no file: help, version, and what is done instead of running. */
const NEVER_IN_FILES: ReadonlySet<string> = new Set(['help', 'version']);

/** Returns the path of the user's own file. */
export function userFilePath(env: Readonly<Record<string, string | undefined>>, homeDirectory: string): string {
  const base = env['XDG_CONFIG_HOME'];
  return join(base === undefined || !base.startsWith('/') ? join(homeDirectory, '.config') : base, USER_FILE);
}

/** Returns the content; undefined if there is no such file. Throws a CiInputError if it can't be read or is too big. */
export async function readOptionFile(path: string): Promise<string | undefined> {
  try {
    return await readText(path, 'the file with options', MAX_BYTES);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as Partial<NodeJS.ErrnoException>;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Returns the options that the file sets. Throws a CiInputError that names the line. */
export function parseOptionFile(file: OptionFile, homeDirectory: string): GivenOptions {
  const lines = file.text.split('\n').map((line) => line.trim());
  const given = lines.flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    return [optionOf(line, `${file.path}, line ${index + 1}`, file.owner)];
  });
  return withPathsFrom(mergeGiven(given), { directory: file.directory, homeDirectory });
}

/** `name value`, `name=value` or `name`, with or without the two dashes. */
function optionOf(line: string, place: string, owner: OptionFile['owner']): GivenOptions {
  const end = line.search(/[=\s]/);
  const written = (end < 0 ? line : line.slice(0, end)).replace(/^--/, '');
  if (!/^[a-z][a-z-]*$/.test(written) || NEVER_IN_FILES.has(written)) {
    throw new CiInputError(`${place}: ${quoted(line)} is not an option: write one a line, such as "concurrency 4"`);
  }
  const given = parsed(end < 0 ? `--${written}` : `--${written}=${line.slice(end + 1).trim()}`, place);
  const refused = Object.keys(given).find((key) => owner === 'repository' && !ALLOWED_IN_REPOSITORY.has(key));
  if (refused === undefined) return given;
  throw new CiInputError(
    `${place}: a repository's file may not set --${written}, which reaches beyond the repository: ` +
      'put it into your own ~/.config/local-ci/rc, or on the command line',
  );
}

function parsed(argument: string, place: string): GivenOptions {
  try {
    return parseOption(argument);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new CiInputError(`${place}: ${shorten(error.message.replace(/^error: /, ''), SHOWN_LENGTH)}`);
  }
}

function quoted(line: string): string {
  return JSON.stringify(shorten(line, SHOWN_LENGTH));
}
