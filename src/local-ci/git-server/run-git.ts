import { execFile } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { errorMessage } from '../../lib/util/error-message.js';
import { shortenMiddle } from '../../lib/util/shorten.js';
import { CiInputError } from '../model.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface GitPlace {
  /** Where git runs. */
  readonly directory: string;
  /** The environment of this program: PATH, HOME and the like. What would lead git elsewhere is left out. */
  readonly env: Environment;
}

/** The list of a million refs has some 100 MB. */
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;
const MAX_COMPLAINT_LENGTH = 2000;
/** Where the user's own settings and git's own programs are; everything else named GIT_… may lead to another repository. */
const KEPT = new Set(['GIT_EXEC_PATH', 'GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM']);
/** A repository's own configuration may name programs that git starts by the way. */
const NO_PROGRAMS = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];

/** Returns an environment in which git asks nobody, takes no lock that it can do without, and works in its directory. */
export function gitEnvironment(env: Environment): Environment {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('GIT_') || KEPT.has(name));
  return { ...Object.fromEntries(kept), GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_PAGER: 'cat' };
}

/**
 * Returns what git prints. `more` are variables for this call. Throws a CiInputError with git's own words if it fails
 * or is not installed, or the signal's reason.
 */
export async function runGit(
  args: readonly string[],
  { directory, env, more = {} }: GitPlace & { readonly more?: Environment },
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const options = {
    cwd: directory,
    env: { ...gitEnvironment(env), ...more },
    maxBuffer: MAX_OUTPUT_BYTES,
    encoding: 'utf8' as const,
    signal,
  };
  return await new Promise((resolve, reject) => {
    execFile('git', [...NO_PROGRAMS, ...args], options, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else reject(signal.aborted ? (signal.reason as Error) : gitError(args, directory, { error, stderr }));
    });
  });
}

/** Returns a path of the repository's own files, such as `objects`, whatever kind of checkout this is. */
export async function gitPath(name: string, place: GitPlace, signal: AbortSignal): Promise<string> {
  const printed = await runGit(['rev-parse', '--git-path', name], place, signal);
  return resolvePath(place.directory, printed.replace(/\n$/, ''));
}

function gitError(
  [command = '']: readonly string[],
  directory: string,
  { error, stderr }: { readonly error: Error & { readonly code?: unknown }; readonly stderr: string },
): CiInputError {
  if (error.code === 'ENOENT') return new CiInputError(notStarted(directory));
  const said = shortenMiddle(stderr.trim(), MAX_COMPLAINT_LENGTH) || errorMessage(error);
  return new CiInputError(`git ${command} failed in ${directory}: ${said}`, { cause: error });
}

/** node reports a missing directory as a missing program. */
function notStarted(directory: string): string {
  return `git could not be started in ${directory}: install git, and check that the directory exists.`;
}
