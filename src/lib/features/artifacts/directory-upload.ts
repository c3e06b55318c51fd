import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isArtifactName, quotedName } from '../../artifacts/artifact-name.js';
import type { ArtifactContent, ErrorArtifact } from '../../artifacts/artifact-store.js';
import type { TarEntry } from '../../artifacts/extract-tar.js';
import { relativeName } from '../../artifacts/extract-tar.js';
import type { FileSource } from '../../artifacts/file-source.js';
import type { DiskEntry, DiskFile, OpenFile } from '../../artifacts/walk-directory.js';
import { DockerError } from '../../docker/engine.js';
import { TaskStopped } from '../../outcome/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { DirectoryReport, unreadableMessage } from './directory-report.js';
import { publishError, tooLargeMessage } from './error-artifact.js';
import { HardLinks } from './hard-links.js';
import type { ArtifactNameRegistry } from './artifact-name-registry.js';
import { Semaphore } from '../../util/semaphore.js';
import { trimEnd } from '../../util/trim-end.js';

export interface DirectoryUploadOptions {
  /** The key in payload.artifacts; trailing slashes are ignored. */
  readonly key: string;
  readonly names: ArtifactNameRegistry;
  readonly content: (name: string) => ArtifactContent;
  readonly limits: SizeLimits;
  readonly task: TaskContext;
}

export interface SizeLimits {
  /** The largest file, before compression. */
  readonly maxFileBytes: number;
  /** Limits the too large files in an archive, which must be read to reach the files after them. */
  readonly maxSkippedBytes: number;
}

/** Small files, or files on disk, that use or wait for an upload slot at a time. */
const OPEN_FILES = 32;

type TarFile = TarEntry & { readonly kind: 'file' };
type Uploads = Set<Promise<void>>;
type Names = readonly [string, ...string[]];

/** One directory artifact. After its archive broke off, `run` continues with a new archive where the last one ended. */
export class DirectoryUpload {
  readonly report: DirectoryReport;
  /** Hard links, whose content the archive has under another name. `run` does not upload them. */
  readonly links = new HardLinks((name) => this.#done.has(name));
  readonly #options: DirectoryUploadOptions;
  readonly #name: string;
  /** Files that are not read again: uploaded, permanently failed, or replaced by an error artifact. */
  readonly #done = new Set<string>();
  readonly #open = new Semaphore(OPEN_FILES);
  #hasDenied = false;
  /** Set when the queue said that the run is over: nothing more can be uploaded. */
  #stopped: TaskStopped | undefined;
  #skippedBytes = 0;

  constructor(options: DirectoryUploadOptions) {
    this.#options = options;
    this.#name = trimEnd(options.key, '/');
    const { maxFileBytes } = options.limits;
    this.report = new DirectoryReport({ name: this.#name, output: options.task.output, maxFileBytes });
  }

  /** Whether files of a directory on disk were left out because the worker's user may not read them. */
  get hasDenied(): boolean {
    return this.#hasDenied;
  }

  /**
   * Uploads the files of an archive whose first entry, the directory itself, was named `root`, or of a directory on
   * disk (root ''). Returns once all uploads have ended. Throws a DockerError if the archive broke off.
   */
  async run(root: string, entries: AsyncIterable<TarEntry | DiskEntry>, signal: AbortSignal): Promise<void> {
    this.report.beginReading();
    this.#skippedBytes = 0;
    await this.#each(entries, signal, async (entry, uploads) => {
      if (entry.kind === 'file') {
        const name = this.#nameOf(entry.name, root);
        if (name === undefined) return;
        if ('open' in entry) await this.#startFromDisk(name, entry, uploads, signal);
        else await this.#start([name], entry, uploads, signal);
      } else if (entry.kind === 'hard link') {
        const name = this.#nameOf(entry.name, root);
        if (name !== undefined) this.links.add(entry.target, { name, relative: relativeName(entry.name, root) ?? '' });
      } else if (entry.kind === 'unreadable') {
        if (isDenied(entry.error)) this.#hasDenied = true;
        else this.report.unreadable(entry.name, entry.error);
      } else if (entry.kind === 'too deep') {
        this.report.tooDeep(entry.name);
      } else if (entry.kind !== 'directory') {
        this.report.tally.addSkipped(entry.kind);
      }
    });
  }

  /** Uploads the pending files of `links` from an archive that contains them. */
  async runLinks(entries: AsyncIterable<TarEntry>, signal: AbortSignal): Promise<void> {
    await this.#each(entries, signal, async (entry, uploads) => {
      if (entry.kind === 'file') await this.#startLinks(entry.name, entry, uploads, signal);
    });
  }

  /** Uploads `entry` under the names that `links` has for `target`. */
  async runLink(target: string, entry: TarFile, signal: AbortSignal): Promise<void> {
    await this.#each([entry], signal, (file, uploads) => this.#startLinks(target, file, uploads, signal));
  }

  async #each<T extends TarEntry | DiskEntry>(
    entries: AsyncIterable<T> | Iterable<T>,
    signal: AbortSignal,
    handle: (entry: T, uploads: Uploads) => Promise<void>,
  ): Promise<void> {
    const uploads: Uploads = new Set();
    try {
      for await (const entry of entries) {
        signal.throwIfAborted();
        if (this.#stopped) break;
        await handle(entry, uploads);
        if (!this.#canSkip(entry)) break;
      }
    } finally {
      await Promise.all(uploads);
    }
    signal.throwIfAborted();
    if (this.#stopped) throw this.#stopped;
  }

  /** Returns the artifact's name for a file; undefined if it must not be uploaded, or already is. */
  #nameOf(file: string, root: string): string | undefined {
    const relative = relativeName(file, root);
    const name = relative === undefined || this.#name === '' ? relative : `${this.#name}/${relative}`;
    if (name === undefined || !isArtifactName(name)) {
      this.report.invalidName(file);
      return undefined;
    }
    if (this.#done.has(name)) return undefined;
    const claim = this.#options.names.claim(name, this.#options.key);
    if (claim === 'granted') return name;
    if (claim !== 'same file') this.report.taken(name, claim.owner);
    return undefined;
  }

  /** Returns false if so much of an archive would have to be skipped that reading stops here. */
  #canSkip(entry: TarEntry | DiskEntry): boolean {
    const { maxFileBytes, maxSkippedBytes } = this.#options.limits;
    if (entry.kind !== 'file' || 'open' in entry || entry.size <= maxFileBytes) return true;
    if (this.#skippedBytes > maxSkippedBytes) return false;
    this.#skippedBytes += entry.size;
    if (this.#skippedBytes <= maxSkippedBytes) return true;
    this.report.readingStopped(entry.name, entry.size);
    return false;
  }

  /** Returns once the file was read from the archive, and waits for a slot if it is small. Its upload continues. */
  async #start(names: Names, entry: TarFile, uploads: Uploads, signal: AbortSignal): Promise<void> {
    if (entry.size > this.#options.limits.maxFileBytes) {
      for (const name of names) await this.#refuse(name, entry, uploads, signal);
      return;
    }
    const { content } = entry;
    const leave = Buffer.isBuffer(content) ? await this.#open.enter(signal) : undefined;
    const read = Buffer.isBuffer(content) ? undefined : finished(content);
    const upload = this.#upload(names, entry, signal).finally(() => {
      uploads.delete(upload);
      leave?.();
    });
    uploads.add(upload);
    if (!read) return;
    // The upload handles errors of the content. An upload that ends while it waits for a slot never reads.
    await Promise.race([read.catch(() => undefined), upload]);
  }

  async #startLinks(target: string, entry: TarFile, uploads: Uploads, signal: AbortSignal): Promise<void> {
    const [first, ...others] = this.links.of(target).map(({ name }) => name);
    if (first !== undefined) await this.#start([first, ...others], entry, uploads, signal);
  }

  /** Returns once the file is open, which waits for a slot; its upload continues. */
  async #startFromDisk(name: string, file: DiskFile, uploads: Uploads, signal: AbortSignal): Promise<void> {
    const leave = await this.#open.enter(signal);
    const opened = await this.#openFile(file);
    if (!opened || 'error' in opened) {
      leave();
      if (!opened) return;
      if (isDenied(opened.error)) this.#hasDenied = true;
      else await this.#unreadable(name, file.name, opened.error, uploads, signal);
      return;
    }
    const { handle, size } = opened;
    if (size > this.#options.limits.maxFileBytes) {
      leave();
      await handle.close();
      await this.#refuse(name, { name: file.name, size }, uploads, signal);
      return;
    }
    const upload = this.#upload([name], { name: file.name, size, content: { handle } }, signal).finally(async () => {
      uploads.delete(upload);
      leave();
      await handle.close();
    });
    uploads.add(upload);
  }

  async #refuse(
    name: string,
    file: { readonly name: string; readonly size: number },
    uploads: Uploads,
    signal: AbortSignal,
  ): Promise<void> {
    this.report.tooLarge(file.name, file.size);
    const message = tooLargeMessage(name, file.size, this.#options.limits.maxFileBytes);
    await this.#publishErrorArtifact({ name, reason: 'too-large-file-on-worker', message }, uploads, signal);
  }

  async #unreadable(name: string, file: string, error: unknown, uploads: Uploads, signal: AbortSignal): Promise<void> {
    this.report.unreadable(file, error);
    const message = unreadableMessage(`Artifact ${quotedName(name)}`, file, error);
    await this.#publishErrorArtifact({ name, reason: 'file-not-readable-on-worker', message }, uploads, signal);
  }

  /** Publishes, in place of a file, why it is missing. */
  async #publishErrorArtifact(
    why: Omit<ErrorArtifact, 'expires'>,
    uploads: Uploads,
    signal: AbortSignal,
  ): Promise<void> {
    const { task, content } = this.#options;
    this.#done.add(why.name);
    const leave = await this.#open.enter(signal);
    const upload = publishError(task, { ...why, expires: content(why.name).expires }, signal)
      .catch((failure: unknown) => {
        if (failure instanceof TaskStopped) this.#stopped ??= failure;
      })
      .finally(() => {
        uploads.delete(upload);
        leave();
      });
    uploads.add(upload);
  }

  async #openFile(file: DiskFile): Promise<OpenFile | { readonly error: unknown } | undefined> {
    try {
      const opened = await file.open();
      if (!opened) this.report.tally.addSkipped('device or socket');
      return opened;
    } catch (error) {
      return { error };
    }
  }

  async #upload(
    names: Names,
    entry: { readonly name: string; readonly size: number; readonly content: Readable | FileSource | Buffer },
    signal: AbortSignal,
  ): Promise<void> {
    const { task, content } = this.#options;
    const [first, ...others] = names;
    const source = entry.content instanceof Readable ? { stream: entry.content, size: entry.size } : entry.content;
    try {
      await task.artifacts.uploadAs([content(first), ...others.map(content)], source, signal);
      for (const name of names) {
        this.#done.add(name);
        this.report.tally.addFile(entry.size);
      }
    } catch (error) {
      // The archive broke off within this file: its reader gets the same error and decides.
      if (error instanceof DockerError || signal.aborted) return;
      if (error instanceof TaskStopped) this.#stopped ??= error;
      else {
        for (const name of names) {
          this.#done.add(name);
          this.report.failed(name, entry.name, error);
        }
      }
    }
  }
}

/** Only a worker that is not root meets this: root in the container can close its files to all other users. */
function isDenied(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EACCES';
}
