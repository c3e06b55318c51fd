import path from 'node:path/posix';
import mime from 'mime-types';
import type { ArtifactContent, ErrorArtifact } from '../../artifacts/artifact-store.js';
import { isArtifactName, quotedName } from '../../artifacts/artifact-name.js';
import type { TarEntry } from '../../artifacts/extract-tar.js';
import type { SizedStream } from '../../artifacts/staged-content.js';
import { walkDirectory } from '../../artifacts/walk-directory.js';
import type { StoppedContainer } from '../../docker/engine.js';
import { TaskError, TaskStopped } from '../../outcome/errors.js';
import type { PayloadArtifact } from '../../task/payload.js';
import type { TaskContext } from '../../task/task-context.js';
import type { RetryPolicy } from '../../util/retry.js';
import { ArtifactTally } from './artifact-tally.js';
import { ContainerFiles, WrongKind } from './container-files.js';
import { failureLine, inQuotes } from './directory-report.js';
import { DirectoryUpload } from './directory-upload.js';
import type { SizeLimits } from './directory-upload.js';
import { publishError, tooLargeMessage } from './error-artifact.js';
import { ArtifactNameRegistry } from './artifact-name-registry.js';
import type { Volumes } from './volumes.js';
import { trimEnd } from '../../util/trim-end.js';

export interface CollectSettings {
  readonly skipCompressionExtensions: ReadonlySet<string>;
  readonly archiveRetries: RetryPolicy;
  readonly limits: SizeLimits;
}

type ArtifactProblem = Omit<ErrorArtifact, 'expires'>;

/** A file is larger than this worker accepts. */
class TooLarge extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super('the file is too large');
    this.bytes = bytes;
  }
}

/** Most hard-linked files fetched one by one; each takes the engine about 60 ms. */
const SINGLE_FETCHES = 64;

/** Publishes the artifacts of one stopped container. */
export class ArtifactCollector {
  readonly #task: TaskContext;
  readonly #files: ContainerFiles;
  readonly #volumes: Volumes;
  readonly #settings: CollectSettings;
  readonly #names: ArtifactNameRegistry;

  constructor(task: TaskContext, container: StoppedContainer, volumes: Volumes, settings: CollectSettings) {
    this.#volumes = volumes;
    this.#task = task;
    this.#files = new ContainerFiles({ container, log: task.log, retries: settings.archiveRetries });
    this.#settings = settings;
    this.#names = new ArtifactNameRegistry(task);
  }

  /**
   * Publishes one entry of payload.artifacts. Returns the problems, each with a line in the log. Throws only when the
   * run was stopped.
   */
  async collect(name: string, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    try {
      switch (artifact.type) {
        case 'file':
          return await this.#collectFile(name, artifact, signal);
        case 'directory':
          return await this.#collectDirectory(name, artifact, signal);
        case 'volume':
          return await this.#collectVolume(name, artifact, signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WrongKind) {
        const message = `Error uploading ${quotedName(name)}. ${error.message} (${inQuotes(artifact.path)})`;
        return await this.#skip({ name, reason: 'invalid-resource-on-worker', message }, artifact, signal);
      }
      if (error instanceof TooLarge) return await this.#refuse(name, artifact, error.bytes, signal);
      if (error instanceof TaskStopped) return [error];
      const message = failureLine(name, artifact.path, error);
      this.#task.output.error(message);
      // After a failed upload the queue already has the artifact, or has refused it.
      if (error instanceof TaskError) return [error];
      const reason = 'file-not-readable-on-worker';
      await this.#publishError({ name: plainName(name, artifact), reason, message }, artifact, signal);
      return [error];
    }
  }

  async #collectFile(name: string, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    const content = this.#content(name, artifact, artifact.path);
    const tally = new ArtifactTally();
    const read = async (entries: AsyncGenerator<TarEntry, void>): Promise<TarEntry['kind'] | 'empty'> => {
      const first = await entries.next();
      if (first.done) return 'empty';
      if (first.value.kind === 'file') {
        if (first.value.size > this.#settings.limits.maxFileBytes) throw new TooLarge(first.value.size);
        await this.#task.artifacts.upload(content, await onlyFile(first.value, entries), signal);
        tally.addFile(first.value.size);
      }
      return first.value.kind;
    };
    let kind = await this.#files.read(artifact.path, signal, read);
    if (kind === 'symlink') {
      const target = await this.#files.linkTarget(artifact.path, signal);
      kind = target === undefined ? undefined : await this.#files.read(target, signal, read);
    }
    if (kind === undefined) return this.#missing(name, artifact, signal);
    if (kind !== 'file') throw unexpected('file', kind);
    if (isArtifactName(name)) {
      this.#task.output.line(
        `Uploaded artifact "${name}" from ${inQuotes(artifact.path)}: ${tally.bytes}, ${content.contentType}`,
      );
    }
    return [];
  }

  async #collectDirectory(name: string, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    return await this.#readDirectory(this.#directoryUpload(name, artifact), name, artifact, signal);
  }

  async #readDirectory(
    upload: DirectoryUpload,
    name: string,
    artifact: PayloadArtifact,
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const plainPath = trimEnd(artifact.path, '/') || '/';
    const read = async (entries: AsyncGenerator<TarEntry, void>): Promise<TarEntry['kind'] | 'empty'> => {
      const first = await entries.next();
      if (first.done) return 'empty';
      if (first.value.kind === 'directory') await upload.run(first.value.name, entries, signal);
      return first.value.kind;
    };
    let kind = await this.#files.read(plainPath, signal, read);
    // The engine follows a link only if the path ends with a slash.
    if (kind === 'symlink') kind = await this.#files.read(`${plainPath}/`, signal, read);
    if (kind === undefined) return this.#missing(name, artifact, signal);
    if (kind !== 'directory') throw unexpected('directory', kind);
    await this.#collectHardLinks(upload, `${plainPath}/`, signal);
    upload.report.summarize(artifact.path);
    return upload.report.problems;
  }

  /**
   * An archive has the content of a hard-linked file only under its first name. A few such files are fetched one by
   * one; for many, the whole directory is read once more.
   */
  async #collectHardLinks(upload: DirectoryUpload, path: string, signal: AbortSignal): Promise<void> {
    if (upload.links.pending.length > SINGLE_FETCHES) {
      await this.#files.read(path, signal, (entries) => upload.runLinks(entries, signal));
    }
    for (const target of upload.links.pending) {
      const [link] = upload.links.of(target);
      if (!link) continue;
      const isFile = await this.#files.read(`${path}${link.relative}`, signal, async (entries) => {
        const first = await entries.next();
        if (first.done || first.value.kind !== 'file') return false;
        await upload.runLink(target, first.value, signal);
        return true;
      });
      if (!isFile) upload.report.tally.addSkipped('hard link', upload.links.of(target).length);
    }
  }

  async #collectVolume(name: string, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    const upload = this.#directoryUpload(name, artifact);
    await upload.run('', walkDirectory(this.#volumes.directoryOf(name)), signal);
    // The engine may read what this worker's user may not.
    if (upload.hasDenied) return await this.#readDirectory(upload, name, artifact, signal);
    upload.report.summarize(artifact.path);
    return upload.report.problems;
  }

  #directoryUpload(name: string, artifact: PayloadArtifact): DirectoryUpload {
    const content = (file: string): ArtifactContent => this.#content(file, artifact, file);
    const { limits } = this.#settings;
    return new DirectoryUpload({ key: name, names: this.#names, content, limits, task: this.#task });
  }

  /** The file's extension, or else the artifact's, determines type and compression. */
  #content(name: string, artifact: PayloadArtifact, file: string): ArtifactContent {
    const extension = extensionOf(file) || extensionOf(name);
    const isCompressed = this.#settings.skipCompressionExtensions.has(extension);
    return {
      name,
      contentType: artifact.contentType?.trim() || contentTypeOf(extension),
      contentEncoding: artifact.contentEncoding ?? (isCompressed ? 'identity' : 'auto'),
      expires: this.#expires(artifact),
    };
  }

  #expires(artifact: PayloadArtifact): string {
    return artifact.expires ?? this.#task.definition.expires;
  }

  async #missing(name: string, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    const message = `Artifact ${quotedName(name)} not found at ${inQuotes(artifact.path)}`;
    return await this.#skip({ name, reason: 'file-missing-on-worker', message }, artifact, signal);
  }

  async #skip(why: ArtifactProblem, artifact: PayloadArtifact, signal: AbortSignal): Promise<readonly unknown[]> {
    // Not an error line: it does not make the run fail, and would mislead a reader who looks for why a run failed.
    this.#task.output.line(why.message);
    await this.#publishError(why, artifact, signal);
    return [];
  }

  async #refuse(
    name: string,
    artifact: PayloadArtifact,
    bytes: number,
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const message = tooLargeMessage(name, bytes, this.#settings.limits.maxFileBytes);
    this.#task.output.error(message);
    await this.#publishError({ name, reason: 'too-large-file-on-worker', message }, artifact, signal);
    return [TaskError.failed(message)];
  }

  async #publishError(why: ArtifactProblem, artifact: PayloadArtifact, signal: AbortSignal): Promise<void> {
    await publishError(this.#task, { ...why, expires: this.#expires(artifact) }, signal);
  }
}

/** Returns a directory's name as it appears in the names of its files. */
function plainName(name: string, { type }: PayloadArtifact): string {
  return type === 'file' ? name : trimEnd(name, '/');
}

/** Returns the content of `entry`. Reading it to its end throws if the archive contains anything else. */
async function onlyFile(
  { content, size }: TarEntry & { readonly kind: 'file' },
  entries: AsyncGenerator<TarEntry, void>,
): Promise<Buffer | SizedStream> {
  const afterEnd = async (): Promise<void> => {
    if (!(await entries.next()).done) throw unexpected('file', 'several files');
  };
  if (!Buffer.isBuffer(content)) return { stream: content, size, afterEnd };
  await afterEnd();
  return content;
}

/** Uses the wording that tools look for. */
function unexpected(expected: PayloadArtifact['type'], found: string): WrongKind {
  return new WrongKind(`Expected artifact to be a "${expected}" but was "${found}"`);
}

/** Returns the extension in lower case without its dot, or ''. */
function extensionOf(name: string): string {
  return path.extname(name).slice(1).toLowerCase();
}

/** Types that mime-types lacks or names in an unusual way. */
const OWN_TYPES: Readonly<Record<string, string>> = { log: 'text/plain', jsonl: 'application/jsonl' };

function contentTypeOf(extension: string): string {
  if (Object.hasOwn(OWN_TYPES, extension)) return OWN_TYPES[extension] ?? '';
  return (extension !== '' && mime.lookup(`.${extension}`)) || 'application/octet-stream';
}
