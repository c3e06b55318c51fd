import { once } from 'node:events';
import { Readable, Transform, addAbortSignal } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Extract } from 'tar-stream';
import { extract } from 'tar-stream';
import { DockerError } from '../docker/engine.js';
import { errorMessage } from '../util/error-message.js';
import { quotedName } from './artifact-name.js';

export type TarEntryKind = 'file' | 'directory' | 'symlink' | 'hard link' | 'device or socket';

/** One entry of an archive, in the archive's order. Small content is a Buffer. */
export type TarEntry =
  | { readonly kind: 'file'; readonly name: string; readonly size: number; readonly content: Readable | Buffer }
  | { readonly kind: 'hard link'; readonly name: string; readonly target: string }
  | { readonly kind: Exclude<TarEntryKind, 'file' | 'hard link'>; readonly name: string };

/** Setting up a stream for so little would take longer than reading it. */
const SMALL_BYTES = 64 * 1024;

const KINDS: Readonly<Record<string, TarEntryKind>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'hard link',
};

/**
 * Yields the entries of a tar stream: a file's content is read before the next entry comes, and unread content is
 * skipped. An archive that is truncated, or lacks a proper end, throws a retryable DockerError, also in the content
 * being read; an abort throws the signal's reason.
 *
 * Ends with the archive, possibly long before the stream: the engine ends its answer after unmounting the container's
 * files, and the kernel first writes all dirty memory of that disk. The rest of such a stream is read in the
 * background.
 */
export async function* tarEntries(archive: Readable, signal: AbortSignal): AsyncGenerator<TarEntry, void, undefined> {
  signal.throwIfAborted();
  const end = new EndOfArchive();
  const tar = untar(addAbortSignal(signal, archive), end);
  // After the archive's end its errors are ignored, so the abort must reach `tar` directly.
  const stop = (): void => {
    tar.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const entry of tar) yield* readEntry(entry, signal);
    if (!end.isWhole) throw new Error('the end is missing');
  } catch (error) {
    throw brokenArchive(error, signal);
  } finally {
    signal.removeEventListener('abort', stop);
    if (!end.isWhole) archive.destroy();
    end.destroy();
    tar.destroy();
  }
}

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

/**
 * Go's reader, and therefore docker's, treats the size of these as 0. tar-stream expects content, or, for a directory,
 * waits forever. Docker's writer never gives them a size.
 */
const WITHOUT_CONTENT: ReadonlySet<string> = new Set([
  'link',
  'symlink',
  'character-device',
  'block-device',
  'directory',
  'fifo',
]);

/** Throws for an entry that the engine never writes, and that no retry would improve. */
function checkHeader({ name, type, size, pax }: Entry['header']): void {
  const refuse = (what: string): never => {
    const message = `its archive cannot be read: ${quotedName(name)} ${what}`;
    throw new DockerError(message, undefined, { retryable: false });
  };
  if (size > 0 && WITHOUT_CONTENT.has(type)) refuse(`has content, but is a ${type}, which has none`);
  if (pax && Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'))) refuse('is a sparse file of GNU tar');
}

async function* readEntry(entry: Entry, signal: AbortSignal): AsyncGenerator<TarEntry, void, undefined> {
  const { header } = entry;
  checkHeader(header);
  const kind = KINDS[header.type] ?? 'device or socket';
  const chunks = entry[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  if (kind === 'file' && header.size <= SMALL_BYTES) {
    yield { kind, name: header.name, size: header.size, content: await wholeOf(contentOf(chunks, signal)) };
  } else if (kind === 'file') {
    const content = Readable.from(contentOf(chunks, signal), { objectMode: false });
    // The reader gets its failure; without a reader it must not crash the process.
    content.on('error', () => undefined);
    yield { kind, name: header.name, size: header.size, content };
    // No reader may use `chunks` while the rest is skipped.
    if (hasReader(content)) await finished(content).catch(() => undefined);
    else if (!content.destroyed) await once(content.destroy(), 'close');
  } else if (kind === 'hard link') {
    yield { kind, name: header.name, target: header.linkname };
  } else {
    yield { kind, name: header.name };
  }
  while (!(await chunks.next()).done);
}

/** Returns whether a reader has read, or waits for data. */
function hasReader(content: Readable): boolean {
  return content.readableDidRead || content.listenerCount('data') + content.listenerCount('readable') > 0;
}

/** Returns the whole content. Node's own consumer goes through a Blob, the slowest step for a small file. */
async function wholeOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Yields the content; never ends `chunks` early, because that would end the whole archive. */
async function* contentOf(chunks: AsyncIterator<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } catch (error) {
    throw brokenArchive(error, signal);
  }
}

function untar(archive: Readable, end: EndOfArchive): Extract {
  const tar = extract();
  archive.on('error', (error) => {
    if (!end.isWhole) end.destroy(error);
  });
  archive.on('close', () => {
    if (!archive.readableEnded && !end.isWhole) end.destroy(new Error('the stream was closed before its end'));
  });
  end.on('error', (error) => {
    tar.destroy(error);
  });
  end.on('whole', () => {
    archive.unpipe(end);
    end.end();
    archive.resume();
  });
  tar.on('entry', ({ type, size }, { offset }) => {
    end.entryFound(offset, type === 'directory' ? 0 : size);
  });
  archive.pipe(end).pipe(tar);
  return tar;
}

const BLOCK_BYTES = 512;
/** The zeros after the last entry. Without checking them, an archive cut between two entries would look complete. */
const END_BYTES = 2 * BLOCK_BYTES;

/** Passes the archive through; emits `whole` as soon as its end has arrived. */
class EndOfArchive extends Transform {
  #bytes = 0;
  /** The number of trailing zeros; of one chunk, at most as many as can belong to the archive's end. */
  #zeros = 0;
  /** The end of the last known entry. */
  #entryEnd = 0;
  isWhole = false;

  /** `offset` is the position of the entry's header, which `size` bytes follow. */
  entryFound(offset: number, size: number): void {
    this.#entryEnd = offset + (1 + Math.ceil(size / BLOCK_BYTES)) * BLOCK_BYTES;
    this.#lookForEnd();
  }

  override _transform(chunk: Buffer, _encoding: string, callback: (error: null, chunk?: Buffer) => void): void {
    if (this.isWhole) {
      callback(null);
      return;
    }
    this.#bytes += chunk.length;
    const most = Math.min(chunk.length, Math.max(END_BYTES, this.#bytes - this.#entryEnd));
    let zeros = 0;
    while (zeros < most && chunk[chunk.length - 1 - zeros] === 0) zeros++;
    this.#zeros = zeros === chunk.length ? this.#zeros + zeros : zeros;
    callback(null, chunk);
    this.#lookForEnd();
  }

  #lookForEnd(): void {
    const bytesAfter = this.#bytes - this.#entryEnd;
    // Zeros may also end an entry that is not known yet, but do not fill all bytes after one.
    if (this.isWhole || bytesAfter < END_BYTES || this.#zeros < bytesAfter) return;
    // Additional zeros may be chunked anywhere, but a tar consists of whole blocks.
    if (bytesAfter % BLOCK_BYTES !== 0) return;
    this.isWhole = true;
    this.emit('whole');
  }
}

function brokenArchive(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof DockerError) return error;
  return new DockerError(`the archive of the container's files is incomplete: ${errorMessage(error)}`, undefined, {
    cause: error,
  });
}

/**
 * Returns the path of an entry below `root`, the first entry of a directory's archive; undefined if it is not strictly
 * below it or has empty, `.` or `..` parts, which could lead elsewhere.
 */
export function relativeName(name: string, root: string): string | undefined {
  const prefix = root.endsWith('/') || root === '' ? root : `${root}/`;
  if (!name.startsWith(prefix)) return undefined;
  const relative = name.slice(prefix.length);
  const isSafe = relative.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isSafe && !relative.includes('\0') ? relative : undefined;
}
