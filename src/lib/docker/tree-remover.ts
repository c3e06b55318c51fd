import { readFile, realpath, rm } from 'node:fs/promises';
import { isErrorOf } from '../outcome/service-error.js';
import { errorMessage } from '../util/error-message.js';
import { TreeDenied, removeTree } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { retry } from '../util/retry.js';
import type { DockerEngine, Labels } from './engine.js';

// The helper is a container without a run, which the worker's own cleanup may remove. It is then replaced at once.
const REPLACE_RETRIES = { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
const isHelperGone = (error: unknown): boolean => isErrorOf(error, 'docker', 404);

/**
 * Returns a function that deletes what containers leave on this machine's disk: directly, or through the engine where
 * the worker's user may not, because root in a container created it. If neither works, it throws an error that states
 * how an operator can delete it. `labels` are those of the engine's helper.
 */
export function treeRemover(engine: Pick<DockerEngine, 'replaceByEmptyFile'>, labels: Labels): RemoveTree {
  return async (directory, options) => {
    try {
      await removeTree(directory, options);
    } catch (error) {
      if (!(error instanceof TreeDenied)) throw error;
      options?.signal?.throwIfAborted();
      await removeByEngine(engine, directory, labels);
    }
  };
}

async function removeByEngine(
  engine: Pick<DockerEngine, 'replaceByEmptyFile'>,
  directory: string,
  labels: Labels,
): Promise<void> {
  try {
    const path = await realpath(directory);
    // The engine would delete across mount points.
    const mounted = await mountedIn(path);
    if (mounted !== undefined) throw new Error(`another file system is mounted at ${mounted}`);
    const replace = (): Promise<void> => engine.replaceByEmptyFile(path, labels);
    await retry(REPLACE_RETRIES, { isRetryable: isHelperGone }, replace, new AbortController().signal);
    await rm(path, { force: true });
  } catch (cause) {
    throw new Error(
      `${directory} could not be deleted: the worker's user may not, and the Docker engine failed ` +
        `(${errorMessage(cause)}). Run this as root: rm -rf --one-file-system -- ${shellWord(directory)}`,
      { cause },
    );
  }
}

/** Returns the first mount point at or below a directory. */
async function mountedIn(directory: string): Promise<string | undefined> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const places = mounts.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  return places.find((place) => place === directory || place.startsWith(`${directory}/`));
}

/** /proc writes blanks and other special characters as octal, such as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
