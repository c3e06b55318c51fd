import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { errorMessage } from '../../lib/util/error-message.js';
import type { ContentPlaces } from './tracked-content.js';

/** The files in the git directory that are written when files become tracked, or HEAD another commit. */
const GIT_FILES = new Set(['index', 'HEAD', 'ORIG_HEAD', 'COMMIT_EDITMSG']);

/**
 * Watches directories, each without what is below it. Without the limits of the system's notices (inotify), or with too
 * many directories, it can't: then `problem` says why, and nothing is watched.
 */
export class DirectoryWatch {
  readonly #onChange: () => void;
  #watchers: FSWatcher[] = [];
  /** Whether files came, went or were renamed: directories may be other ones by now. */
  #isStale = false;

  /** `onChange` is called for each notice; there may be many for one change, and some for none. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** Watches these directories in place of others. Returns why that is not possible; undefined if it is. */
  watch({ directories, gitDirectory }: ContentPlaces, limit: number): string | undefined {
    this.close();
    if (directories.size > limit) return `it has more than ${limit} directories`;
    try {
      for (const directory of directories) this.#add(directory, () => true);
      this.#add(gitDirectory, (name) => GIT_FILES.has(name));
      return undefined;
    } catch (error) {
      this.close();
      return reasonOf(error);
    }
  }

  close(): void {
    this.#isStale = false;
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #add(directory: string, isOfInterest: (name: string) => boolean): void {
    let watcher: FSWatcher;
    try {
      watcher = watch(directory, { persistent: false });
    } catch (error) {
      // All files in it may be deleted, although git still tracks them.
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
    this.#watchers.push(watcher);
    watcher.on('change', (event, name) => {
      if (typeof name === 'string' && !isOfInterest(name)) return;
      this.#isStale ||= event === 'rename';
      this.#onChange();
    });
    // The directory is gone.
    watcher.on('error', () => {
      this.#isStale = true;
      this.#onChange();
    });
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'the system allows no more watched directories (sysctl fs.inotify.max_user_watches)';
  if (code === 'EMFILE') return 'the system allows no more watchers (sysctl fs.inotify.max_user_instances)';
  return errorMessage(error);
}
