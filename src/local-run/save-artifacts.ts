import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { ArtifactInfo } from 'taskcluster-client';
import { errorMessage } from '../lib/util/error-message.js';
import { makeDirectory } from '../lib/util/make-directory.js';
import type { LocalOutcome } from './run-locally.js';

/** The error for a directory that can't hold artifacts; the message says why. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
}

/** The result for one artifact. */
interface Described {
  readonly name: string;
  readonly words: string;
  /** Undefined when it has no content to save. */
  readonly isSaved: boolean | undefined;
}

const PROBE = '.run-task-can-write';

/** Creates the directory if necessary. Throws a DirectoryError unless files can be created in it. */
export async function assertArtifactDirectory(directory: string): Promise<void> {
  const probe = join(directory, PROBE);
  try {
    await makeDirectory(resolve(directory));
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    const remedy = 'Name a directory that you may write to.';
    throw new DirectoryError(`--artifacts ${directory}: cannot be written to: ${errorMessage(error)}. ${remedy}`);
  }
}

/** Lists the task's artifacts, and saves them below `directory` if one is given. Returns whether all were saved. */
export async function listArtifacts(outcome: LocalOutcome, output: Writable, directory?: string): Promise<boolean> {
  const { watcher, run } = outcome;
  if (run.reasonResolved === 'canceled') output.write('\nThe task was canceled: only its log is published.\n');
  const described: Described[] = [];
  for (const artifact of await watcher.artifacts()) described.push(await describe(watcher, artifact, directory));
  const failed = described.filter(({ isSaved }) => isSaved === false).length;
  if (described.length > 0) output.write(heading(described.length, failed, directory));
  for (const { name, words } of described) output.write(`  ${name}  ${words}\n`);
  return failed === 0;
}

function heading(count: number, failed: number, directory: string | undefined): string {
  if (directory === undefined) return '\nArtifacts (--artifacts saves them):\n';
  if (failed === 0) return `\nArtifacts, saved below ${directory}:\n`;
  return `\nArtifacts (${failed} of ${count} could not be saved below ${directory}):\n`;
}

/** Describes one artifact, or why it is not available; a failure does not keep the others from being saved. */
async function describe(
  watcher: LocalOutcome['watcher'],
  { name, storageType }: ArtifactInfo,
  directory: string | undefined,
): Promise<Described> {
  if (storageType === 'error') return { name, words: '(missing: see the log)', isSaved: undefined };
  try {
    // A reference points to another site, possibly to a web page.
    if (storageType === 'reference') {
      return { name, words: `-> ${await watcher.address(name)}`, isSaved: undefined };
    }
    return { name, words: `${(await watcher.download(name, directory)).bytes} bytes`, isSaved: true };
  } catch (error) {
    return { name, words: `(not saved: ${errorMessage(error)})`, isSaved: false };
  }
}
