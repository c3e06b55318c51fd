import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { shorten } from '../../lib/util/shorten.js';
import { trimEnd } from '../../lib/util/trim-end.js';
import { CiInputError } from '../model.js';
import { printable } from './printable.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface GitOptions {
  /** Where git runs. */
  readonly directory: string;
  /** The user's environment: git's own variables in it are mostly left out, as they may name another repository. */
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

export interface GitCall {
  /** For the standard input. */
  readonly input?: string;
  /** Set for this call alone. */
  readonly env?: Environment;
  /** Exit codes that mean "there is none". */
  readonly missCodes?: readonly number[];
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const LONGEST_MESSAGE = 2000;
const LONGEST_LINE = 500;
const PARTIAL_CLONE =
  'The checkout is a partial clone that lacks directories of older commits, and local-ci fetches nothing: get them with "git fetch --refetch --filter=blob:none".';

/** What remains of git's own variables: where its configuration is, and where it looks for repositories. */
const KEPT_VARIABLE =
  /^GIT_(?:CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|PARAMETERS|KEY_\d+|VALUE_\d+)|EXEC_PATH|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|ATTR_NOSYSTEM)$/;

const VARIABLES: Environment = {
  // No editor, no pager, no question: the answer comes at once or not at all.
  GIT_EDITOR: ':',
  GIT_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  SSH_ASKPASS_REQUIRE: 'never',
  // A partial clone would fetch what it lacks, with programs that the checkout names.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  // Reading does not write the index, which the user's other programs may have locked.
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LITERAL_PATHSPECS: '1',
  // Tasks get the commits as they are, without replacements.
  GIT_NO_REPLACE_OBJECTS: '1',
  LC_ALL: 'C.UTF-8',
  LANGUAGE: '',
};

/** Overrides what a checkout's own configuration may say: programs that git would start, and forms of output. */
const SETTINGS = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.pager=cat',
  'i18n.commitEncoding=UTF-8',
  'i18n.logOutputEncoding=UTF-8',
].flatMap((setting) => ['-c', setting]);

/**
 * The error for a git that ended with an exit code; the message has what it wrote to its standard error. Node's own error
 * is no cause of it: that repeats everything as it was, passwords too.
 */
export class GitError extends CiInputError {
  /** What git wrote, without passwords and control characters. */
  readonly words: string;
  readonly exitCode: number;

  constructor(command: string, words: string, exitCode: number) {
    super(`git ${command} failed: ${words}`);
    this.words = words;
    this.exitCode = exitCode;
  }
}

/** Runs `git` on one repository, without shell, hooks, editor, pager, network or questions. */
export class Git {
  readonly #options: GitOptions;
  readonly #environment: Environment;

  constructor(options: GitOptions) {
    this.#options = options;
    this.#environment = gitEnvironment(options.environment);
  }

  /** Returns the standard output without line breaks at its end. Throws a GitError for every other exit code than 0. */
  async output(args: readonly string[], call: GitCall = {}): Promise<string> {
    return trimEnd(await this.raw(args, call), '\r\n');
  }

  /** As `output`, but undefined when git ends with one of `missCodes`, 1 by default. */
  async answer(args: readonly string[], call: GitCall = {}): Promise<string | undefined> {
    try {
      return await this.output(args, call);
    } catch (error) {
      if (error instanceof GitError && (call.missCodes ?? [1]).includes(error.exitCode)) return undefined;
      throw error;
    }
  }

  /** Returns the standard output as it is. */
  async raw(args: readonly string[], call: GitCall = {}): Promise<string> {
    const { directory, signal } = this.#options;
    signal.throwIfAborted();
    try {
      const running = promisify(execFile)('git', ['--no-pager', ...SETTINGS, ...args], {
        cwd: directory,
        env: { ...this.#environment, ...call.env },
        signal,
        maxBuffer: MAX_OUTPUT_BYTES,
        encoding: 'utf8',
      });
      // A git that ends before it has read everything says why by its exit code.
      running.child.stdin?.on('error', () => undefined).end(call.input ?? '');
      return (await running).stdout;
    } catch (error) {
      signal.throwIfAborted();
      throw gitFailure(args[0] ?? '', error);
    }
  }
}

function gitFailure(command: string, error: unknown): Error {
  const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
  if (typeof code === 'number') {
    const words = cleanWords(stderr ?? '') || `it ended with exit code ${code} and no message`;
    return new GitError(command, words.includes('promisor remote') ? `${words}\n${PARTIAL_CLONE}` : words, code);
  }
  if (code === 'ENOENT') {
    return new CiInputError('git is not on the PATH, and local-ci reads the checkout with it: install git');
  }
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    const limit = `more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB`;
    return new CiInputError(`git ${command} answered with ${limit}: is something generated not in .gitignore?`);
  }
  // Node's message repeats the whole command line.
  const { signal } = error as { readonly signal?: string | null };
  const reason = typeof code === 'string' ? code : (signal ?? 'for an unknown reason');
  return new Error(`git ${command} ended before it had answered (${reason})`);
}

/** Keeps the lines of git's advice, but neither control characters nor what may be a password. */
function cleanWords(stderr: string): string {
  const lines = shorten(stderr, LONGEST_MESSAGE)
    .split('\n')
    .map((line) => printable(line, LONGEST_LINE))
    .filter((line) => line !== '');
  return lines.map((line) => line.replace(/:\/\/[^\s/@]{1,300}@/g, '://')).join('\n');
}

/** Returns the environment for git: the user's, without what would name another repository, a program or a format. */
export function gitEnvironment(environment: Environment): Environment {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('GIT_') || KEPT_VARIABLE.test(name));
  return { ...Object.fromEntries(kept), ...VARIABLES };
}
