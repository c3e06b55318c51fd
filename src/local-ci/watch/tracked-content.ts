import { copyFile, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TempDir } from '../../lib/util/temp-dir.js';
import { gitPath, runGit } from '../git-server/run-git.js';
import type { GitPlace } from '../git-server/run-git.js';

/** Returns an id of what the tracked files of a commit contain: that of its tree. */
export async function contentOfCommit(commit: string, checkout: GitPlace, signal: AbortSignal): Promise<string> {
  return (await runGit(['rev-parse', '--verify', `${commit}^{tree}`], checkout, signal)).trim();
}

/**
 * Returns the same id for the tracked files as they are in the work tree now, committed or not. It neither changes the
 * index nor takes a lock; like `git stash create` it leaves the contents of changed files in git's object store, until
 * git collects them. `directory` is for temporary files.
 */
export async function contentOfWorkTree(checkout: GitPlace, directory: string, signal: AbortSignal): Promise<string> {
  const temporary = await TempDir.create(directory, 'watch-');
  try {
    const own = join(temporary.path, 'index');
    await copyIndex(await gitPath('index', checkout, signal), own).catch(unlessMissing);
    const place = { ...checkout, more: { GIT_INDEX_FILE: own } };
    await runGit(['add', '--update', '--', ':/'], place, signal);
    return (await runGit(['write-tree'], place, signal)).trim();
  } finally {
    await temporary.dispose();
  }
}

/**
 * With its time: git compares the content of files that may have changed in the very second after the index was written,
 * and would take such a file for unchanged if the index were a younger one.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  // Before the copy: an index that is too old only makes git look more often.
  const { atime, mtime } = await stat(from);
  await copyFile(from, to);
  await utimes(to, atime, mtime);
}

/** Nothing is tracked yet. */
function unlessMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

/** Where a checkout changes when its tracked content does. */
export interface ContentPlaces {
  /** All directories with tracked files, and their parents, up to the top of the work tree. */
  readonly directories: ReadonlySet<string>;
  /** The directory with the index: files can become tracked. */
  readonly gitDirectory: string;
}

/** Lists them; `limit` is the number of directories from which on the list need not be complete. */
export async function contentPlaces(checkout: GitPlace, limit: number, signal: AbortSignal): Promise<ContentPlaces> {
  const { directory } = checkout;
  const listed = await runGit(['ls-files', '-z'], checkout, signal);
  const directories = new Set([directory]);
  for (let start = 0; start < listed.length && directories.size <= limit;) {
    const end = listed.indexOf('\0', start);
    if (end < 0) break;
    addParents(listed.slice(start, end), directory, directories);
    start = end + 1;
  }
  return { directories, gitDirectory: dirname(await gitPath('index', checkout, signal)) };
}

function addParents(file: string, top: string, directories: Set<string>): void {
  for (let parent = dirname(file); parent !== '.'; parent = dirname(parent)) {
    const path = join(top, parent);
    if (directories.has(path)) return;
    directories.add(path);
  }
}
