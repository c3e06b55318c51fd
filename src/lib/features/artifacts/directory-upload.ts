import { finished } from 'node:stream/promises';
import type { ArtifactContent } from '../../artifacts/artifact-store.js';
import { NAME_RULE, isArtifactName } from '../../artifacts/artifact-name.js';
import type { TarEntry } from '../../artifacts/extract-tar.js';
import { relativeName } from '../../artifacts/extract-tar.js';
import { DockerError } from '../../docker/engine.js';
import { TaskError, TaskStopped } from '../../task/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { ArtifactTally } from './artifact-tally.js';
import type { NameClaims } from './name-claims.js';

export interface DirectoryUploadOptions {
  /** The key in payload.artifacts; slashes at its end change nothing. */
  readonly key: string;
  readonly names: NameClaims;
  readonly content: (name: string) => ArtifactContent;
  readonly task: TaskContext;
}

/** Names listed one by one in the log; the rest is counted, as a task can have millions of them. */
const LISTED_NAMES = 20;

/** One directory artifact. When its archive broke off, `run` goes on with a new one where the last one ended. */
export class DirectoryUpload {
  readonly #options: DirectoryUploadOptions;
  readonly #name: string;
  readonly #tally = new ArtifactTally();
  /** Files that were read whole: uploaded, under way, or failed for good. */
  readonly #done = new Set<string>();
  readonly #problems: unknown[] = [];
  #odd = new Set<string>();
  /** Names that belong to something else, with what that is. */
  readonly #taken = new Map<string, string>();
  /** The queue said that the run is over: nothing more can be uploaded. */
  #stopped: TaskStopped | undefined;

  constructor(options: DirectoryUploadOptions) {
    this.#options = options;
    this.#name = options.key.replace(/\/+$/, '');
  }

  /** What went wrong so far; each has its line in the log. */
  get problems(): readonly unknown[] {
    return this.#problems;
  }

  /**
   * Uploads the files of an archive whose first entry, the directory itself, was called `root`. Returns once all uploads
   * have ended; fails with a DockerError when the archive broke off.
   */
  async run(root: string, entries: AsyncIterable<TarEntry>, signal: AbortSignal): Promise<void> {
    this.#tally.forgetSkipped();
    this.#odd = new Set();
    const uploads = new Set<Promise<void>>();
    try {
      for await (const entry of entries) {
        if (this.#stopped) break;
        if (entry.kind === 'directory') continue;
        if (entry.kind === 'file') await this.#start(entry, root, uploads, signal);
        else this.#tally.addSkipped(entry.kind);
      }
    } finally {
      await Promise.all(uploads);
    }
    signal.throwIfAborted();
    if (this.#stopped) throw this.#stopped;
  }

  /** Says what was published and what was not. */
  summarize(path: string): void {
    const { output } = this.#options.task;
    const name = `"${this.#name}"`;
    output.line(`Uploaded artifact ${name} from "${path}": ${this.#tally.files}, ${this.#tally.bytes}`);
    if (this.#tally.skipped) output.line(`Artifact ${name}: skipped ${this.#tally.skipped}; only files are uploaded`);
    if (this.#odd.size > 0) {
      const odd = listed([...this.#odd].map((file) => JSON.stringify(file)));
      output.error(`Artifact ${name}: not uploaded because of their names: ${odd}; ${NAME_RULE}`);
    }
    if (this.#taken.size > 0) {
      const taken = listed([...this.#taken].map(([file, other]) => `"${file}" is published by ${other}`));
      output.error(`Artifact ${name}: files not uploaded because their names are taken: ${taken}. Rename them.`);
    }
  }

  /** Returns when the file has been read from the archive; its upload goes on. */
  async #start(
    entry: TarEntry & { readonly kind: 'file' },
    root: string,
    uploads: Set<Promise<void>>,
    signal: AbortSignal,
  ): Promise<void> {
    const relative = relativeName(entry.name, root);
    const name = relative === undefined ? undefined : this.#artifactName(relative);
    if (name === undefined || !isArtifactName(name)) {
      this.#odd.add(entry.name);
      return;
    }
    if (this.#done.has(name) || this.#isTaken(name)) return;
    const read = finished(entry.content);
    const upload = this.#upload(name, entry, signal).finally(() => uploads.delete(upload));
    uploads.add(upload);
    // Errors are the upload's to hear of; one that ends before it was given a slot never reads.
    await Promise.race([read.catch(() => undefined), upload]);
  }

  #artifactName(relative: string): string {
    return this.#name === '' ? relative : `${this.#name}/${relative}`;
  }

  #isTaken(name: string): boolean {
    const other = this.#options.names.claim(name, this.#options.key);
    if (other === undefined) return false;
    if (!this.#taken.has(name)) this.#problems.push(TaskError.failed(`"${name}" is published by ${other}`));
    this.#taken.set(name, other);
    return true;
  }

  async #upload(name: string, entry: TarEntry & { readonly kind: 'file' }, signal: AbortSignal): Promise<void> {
    const { task, content } = this.#options;
    try {
      await task.artifacts.upload(content(name), entry.content, signal);
      this.#done.add(name);
      this.#tally.addFile(entry.size);
    } catch (error) {
      // The archive broke off within this file: the reader of the archive fails with the same and decides.
      if (error instanceof DockerError || signal.aborted) return;
      if (error instanceof TaskStopped) {
        this.#stopped ??= error;
        return;
      }
      this.#done.add(name);
      this.#problems.push(error);
      task.output.error(failureLine(name, entry.name, error));
    }
  }
}

function listed(items: readonly string[]): string {
  const more = items.length > LISTED_NAMES ? ` and ${items.length - LISTED_NAMES} more` : '';
  return `${items.slice(0, LISTED_NAMES).join(', ')}${more}`;
}

/** What uploads say of themselves names the artifact already. */
export function failureLine(name: string, path: string, error: unknown): string {
  if (error instanceof TaskError) return error.message;
  return `Artifact "${name}" could not be read from "${path}": ${errorMessage(error)}`;
}
