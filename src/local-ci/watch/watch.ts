import { AutoResetEvent } from '../../lib/util/auto-reset-event.js';
import { delay } from '../../lib/util/abortable.js';
import type { Environment, GitPlace } from '../git-server/run-git.js';
import { CiInputError } from '../model.js';
import { DirectoryWatch } from './directory-watch.js';
import { contentOfCommit, contentOfWorkTree, contentPlaces } from './tracked-content.js';

/** What is watched of a checkout. */
export interface WatchedCheckout {
  /** The top of the work tree. */
  readonly directory: string;
  /** The commit that ran: a difference to it is a change. */
  readonly commit: string;
}

export interface WatchOptions {
  /** The environment of this program: PATH and the like. */
  readonly env: Environment;
  /** The directory for temporary files. */
  readonly directory: string;
  /** Whether only commits count, and not the work tree. */
  readonly headOnly?: boolean;
  /** Called with a sentence for the user when changes are noticed later than usual. */
  readonly onSlow?: (text: string) => void;
  /** The most directories that are watched; default: 8000. */
  readonly maxDirectories?: number;
}

/** As long as this nothing may change before the content is looked at: a save of an editor is several changes. */
const QUIET_MS = 300;
/** A change that never comes to rest is looked at all the same. */
const LONGEST_UNREST_MS = 5000;
/** How often the content is looked at if nothing can be watched. */
const POLL_MS = 3000;
/** The same if everything is watched: not every file system (of a network, of another system) gives notice. */
const SAFETY_POLL_MS = 30_000;
const MAX_DIRECTORIES = 8000;
const ATTEMPTS = 5;
const RETRY_MS = 1000;

/**
 * Yields whenever the content of the tracked files differs from what it was before; first from that of the commit.
 * Changes while the reader is busy count as one. Ignored and untracked files, and commits of the same content, do not
 * count. Ends when the signal aborts; throws a CiInputError if git fails.
 */
export async function* changes(
  { directory, commit }: WatchedCheckout,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<void, void, undefined> {
  const checkout = { directory, env: options.env };
  const notices = new Notices();
  const watcher = new ContentWatch(checkout, notices, options);
  try {
    let known = await contentOfCommit(commit, checkout, signal);
    await watcher.renew(signal);
    for (;;) {
      const content = await contentOf(checkout, options, signal);
      if (content !== known) {
        known = content;
        yield;
      } else {
        await notices.wait(watcher.pollMs, signal);
      }
      // First, so that no change after the look can be missed.
      if (watcher.isStale) await watcher.renew(signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    watcher.close();
  }
}

/** While programs change files, git can fail: one is gone that was there a moment ago. */
async function contentOf(checkout: GitPlace, options: WatchOptions, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await contentNow(checkout, options, signal);
    } catch (error) {
      if (!(error instanceof CiInputError) || attempt === ATTEMPTS) throw error;
      await delay(RETRY_MS, signal);
    }
  }
}

async function contentNow(checkout: GitPlace, options: WatchOptions, signal: AbortSignal): Promise<string> {
  if (options.headOnly === true) return await contentOfCommit('HEAD', checkout, signal);
  return await contentOfWorkTree(checkout, options.directory, signal);
}

/** Notices of changes, which come at any time. */
class Notices {
  readonly #event = new AutoResetEvent();
  #count = 0;

  call(): void {
    this.#count += 1;
    this.#event.call();
  }

  /** Returns at the next notice, or after a time, and then when there was none for a moment. */
  async wait(atMostMs: number, signal: AbortSignal): Promise<void> {
    await this.#event.wait(signal, atMostMs);
    const end = performance.now() + LONGEST_UNREST_MS;
    for (let before = -1; before !== this.#count && performance.now() < end;) {
      before = this.#count;
      await this.#event.wait(signal, QUIET_MS);
    }
  }
}

/** The watched directories of a checkout, or that none can be watched. */
class ContentWatch {
  readonly #checkout: GitPlace;
  readonly #options: WatchOptions;
  readonly #directories: DirectoryWatch;
  #isPolling = false;

  constructor(checkout: GitPlace, notices: Notices, options: WatchOptions) {
    this.#checkout = checkout;
    this.#options = options;
    this.#directories = new DirectoryWatch(() => {
      notices.call();
    });
  }

  get isStale(): boolean {
    return this.#directories.isStale;
  }

  /** How long to wait for a notice. */
  get pollMs(): number {
    return this.#isPolling ? POLL_MS : SAFETY_POLL_MS;
  }

  async renew(signal: AbortSignal): Promise<void> {
    const { maxDirectories = MAX_DIRECTORIES, onSlow } = this.#options;
    const places = await contentPlaces(this.#checkout, maxDirectories, signal);
    const problem = this.#directories.watch(places, maxDirectories);
    const wasPolling = this.#isPolling;
    this.#isPolling = problem !== undefined;
    if (problem === undefined || wasPolling) return;
    onSlow?.(`The checkout can't be watched: ${problem}. It is looked at every ${POLL_MS / 1000} seconds instead.`);
  }

  close(): void {
    this.#directories.close();
  }
}
