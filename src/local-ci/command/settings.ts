import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { CiInputError } from '../model.js';
import { mergeGiven, withPathsFrom } from './merge.js';
import { REPOSITORY_FILE, parseOptionFile, readOptionFile, userFilePath } from './option-file.js';
import type { GivenOptions } from './options.js';
import type { EventWord, Invocation } from './parse.js';

/** What to do, from the command line and the files with options. Paths are absolute. */
export interface Settings {
  readonly path: string | undefined;
  readonly event: EventWord | undefined;
  readonly given: GivenOptions;
  /** Whether the user named the upstream deployment, and not a repository's file: it may see the user's credentials. */
  readonly isUpstreamOfUser: boolean;
}

/** What the settings depend on besides the command line. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly currentDirectory: string;
}

/**
 * Lays the command line over the repository's file, and that over the user's own. `directory` is one of the
 * repository's. Throws a CiInputError that says what is wrong.
 */
export async function settingsOf(
  { path, event, given }: Extract<Invocation, { kind: 'ci' }>,
  directory: string,
  surroundings: Surroundings,
): Promise<Settings> {
  const { env, homeDirectory, currentDirectory } = surroundings;
  const userFile = userFilePath(env, homeDirectory);
  const user = await optionsIn(userFile, 'user', surroundings);
  const top = topOf(directory);
  const repository = top === undefined ? {} : await optionsIn(join(top, REPOSITORY_FILE), 'repository', surroundings);
  const own = withPathsFrom(given, { directory: currentDirectory, homeDirectory });
  const merged = mergeGiven([user, repository, own]);
  checkCombination(merged, event);
  const isUpstreamOfUser =
    merged.upstream !== undefined && (own.upstream !== undefined || repository.upstream === undefined);
  return { path, event, given: merged, isUpstreamOfUser };
}

async function optionsIn(
  path: string,
  owner: 'user' | 'repository',
  { homeDirectory }: Surroundings,
): Promise<GivenOptions> {
  const text = await readOptionFile(path);
  return text === undefined ? {} : parseOptionFile({ path, text, directory: dirname(path), owner }, homeDirectory);
}

/** Returns the top of the work tree around the directory; undefined outside of one. */
function topOf(directory: string): string | undefined {
  if (existsSync(join(directory, '.git'))) return directory;
  const parent = dirname(directory);
  return parent === directory ? undefined : topOf(parent);
}

const PARTS = ['branch', 'tag', 'base', 'action', 'number', 'comment', 'actor'] as const;

/** Throws a CiInputError for options that mean nothing together. */
function checkCombination(given: GivenOptions, event: EventWord | undefined): void {
  const { tasksFor, context, rerun, interactive } = given;
  if (tasksFor !== undefined && context === undefined) {
    throw new CiInputError('--tasks-for needs --context <file>, the whole context of the rendering');
  }
  if (context !== undefined && tasksFor === undefined) {
    throw new CiInputError('--context needs --tasks-for <word>, such as --tasks-for cron');
  }
  const hasEvent = event !== undefined || given.event !== undefined;
  if (tasksFor !== undefined && hasEvent) throw new CiInputError('--tasks-for renders without an event: name none');
  if (rerun !== undefined && (hasEvent || tasksFor !== undefined)) {
    throw new CiInputError('--rerun runs the tasks of the last run again: name no event');
  }
  if (given.only === true && (given.task ?? []).length === 0) {
    throw new CiInputError('--only needs --task <name>: it leaves out what that task depends on');
  }
  if (given.watch === true && (interactive !== undefined || given.shellOnFailure === true)) {
    throw new CiInputError('--watch and a shell both need the terminal: choose one of them');
  }
}

/** Returns the parts of the event that are given. */
export function eventParts(given: GivenOptions): Pick<GivenOptions, (typeof PARTS)[number]> {
  return Object.fromEntries(PARTS.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));
}
