import { readFile, realpath, rm } from 'node:fs/promises';
import { isErrorOf } from '../outcome/service-error.js';
import { errorMessage } from '../util/error-message.js';
import { TreeDenied, removeTree } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { retry } from '../util/retry.js';
import type { DockerEngine, Labels } from './engine.js';

// The helper is a container without a run, which the worker itself may remove while it tidies up. Another is made at once.
const REPLACE_RETRIES = { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
const isHelperGone = (error: unknown): boolean => isErrorOf(error, 'docker', 404);

/**
 * Deletes what containers leave on this machine's disk: by itself, and where the worker's user may not, because root in
 * the container made it, by way of the engine. When neither works it fails, and says how somebody else can do it.
 * `labels` are those of the engine's helper.
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
    // The engine would go on into them.
    const mounted = await mountedIn(path);
    if (mounted !== undefined) throw new Error(`another file system is mounted at ${mounted}`);
    const replace = (): Promise<void> => engine.replaceByEmptyFile(path, labels);
    await retry(REPLACE_RETRIES, { isRetryable: isHelperGone }, replace, new AbortController().signal);
    await rm(path, { force: true });
  } catch (cause) {
    throw new Error(
      `${directory} could not be deleted: the worker's user may not, and neither did the Docker engine ` +
        `(${errorMessage(cause)}). As root, this does: rm -rf --one-file-system -- ${shellWord(directory)}`,
      { cause },
    );
  }
}

/** The first place where something is mounted in a directory, or at it. */
async function mountedIn(directory: string): Promise<string | undefined> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const places = mounts.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  return places.find((place) => place === directory || place.startsWith(`${directory}/`));
}

/** Blanks and such are in /proc as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
