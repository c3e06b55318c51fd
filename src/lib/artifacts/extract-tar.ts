import { once } from 'node:events';
import { Readable, Transform, addAbortSignal } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Extract } from 'tar-stream';
import { extract } from 'tar-stream';
import { DockerError } from '../docker/engine.js';
import { errorMessage } from '../util/error-message.js';

export type TarEntryKind = 'file' | 'directory' | 'symlink' | 'hard link' | 'device or socket';

/** One entry of an archive, in the archive's order. A small file's content is a Buffer. */
export type TarEntry =
  | { readonly kind: 'file'; readonly name: string; readonly size: number; readonly content: Readable | Buffer }
  | { readonly kind: 'hard link'; readonly name: string; readonly target: string }
  | { readonly kind: Exclude<TarEntryKind, 'file' | 'hard link'>; readonly name: string };

/** A stream for so little would take longer than the bytes themselves. */
const SMALL_BYTES = 64 * 1024;

const KINDS: Readonly<Record<string, TarEntryKind>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'hard link',
};

/**
 * The entries of a tar stream, one at a time: a file's content is read before the next entry comes, what nobody read of
 * it is skipped. An archive that breaks off, or has no proper end, fails with a transient DockerError, also in the
 * content being read; an abort with the signal's reason.
 */
export async function* tarEntries(archive: Readable, signal: AbortSignal): AsyncGenerator<TarEntry, void, undefined> {
  signal.throwIfAborted();
  const tar = untar(addAbortSignal(signal, archive));
  try {
    for await (const entry of tar) yield* readEntry(entry, signal);
  } catch (error) {
    throw brokenArchive(error, signal);
  } finally {
    archive.destroy();
    tar.destroy();
  }
}

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

async function* readEntry(entry: Entry, signal: AbortSignal): AsyncGenerator<TarEntry, void, undefined> {
  const { header } = entry;
  const kind = KINDS[header.type] ?? 'device or socket';
  const chunks = entry[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  if (kind === 'file' && header.size <= SMALL_BYTES) {
    yield { kind, name: header.name, size: header.size, content: await wholeOf(contentOf(chunks, signal)) };
  } else if (kind === 'file') {
    const content = Readable.from(contentOf(chunks, signal), { objectMode: false });
    // Its failure is the reader's to hear of; without a reader it must not bring down the process.
    content.on('error', () => undefined);
    yield { kind, name: header.name, size: header.size, content };
    // Nobody else may be reading `chunks` when the rest is skipped.
    if (hasReader(content)) await finished(content).catch(() => undefined);
    else if (!content.destroyed) await once(content.destroy(), 'close');
  } else if (kind === 'hard link') {
    yield { kind, name: header.name, target: header.linkname };
  } else {
    yield { kind, name: header.name };
  }
  while (!(await chunks.next()).done);
}

/** Somebody has read, or has asked for what comes. */
function hasReader(content: Readable): boolean {
  return content.readableDidRead || content.listenerCount('data') + content.listenerCount('readable') > 0;
}

/** The consumer that node has for it goes by way of a Blob, which takes longer than all else that is done with a small file. */
async function wholeOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Never ends `chunks` early, as that would end the whole archive. */
async function* contentOf(chunks: AsyncIterator<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } catch (error) {
    throw brokenArchive(error, signal);
  }
}

function untar(archive: Readable): Extract {
  const tar = extract();
  const end = new EndCheck();
  archive.on('error', (error) => end.destroy(error));
  archive.on('close', () => {
    if (!archive.readableEnded) end.destroy(new Error('the stream was closed before its end'));
  });
  end.on('error', (error) => {
    tar.destroy(error);
  });
  archive.pipe(end).pipe(tar);
  return tar;
}

/** Every tar ends with 1024 zero bytes; one that was cut between two entries looks complete otherwise. */
class EndCheck extends Transform {
  #zeros = 0;

  override _transform(chunk: Buffer, _encoding: string, callback: (error: null, chunk: Buffer) => void): void {
    let zeros = 0;
    while (zeros < chunk.length && zeros < END_BYTES && chunk[chunk.length - 1 - zeros] === 0) zeros++;
    this.#zeros = zeros === chunk.length ? this.#zeros + zeros : zeros;
    callback(null, chunk);
  }

  override _flush(callback: (error?: Error | null) => void): void {
    callback(this.#zeros >= END_BYTES ? null : new Error('the end is missing'));
  }
}

const END_BYTES = 1024;

function brokenArchive(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof DockerError) return error;
  return new DockerError(`the archive of the container's files broke off: ${errorMessage(error)}`, undefined, {
    cause: error,
  });
}

/**
 * The path of an entry below `root`, the first entry of a directory's archive; undefined when it is not strictly below
 * it or has empty, `.` or `..` parts, so that nobody can be led astray by it.
 */
export function relativeName(name: string, root: string): string | undefined {
  const prefix = root.endsWith('/') || root === '' ? root : `${root}/`;
  if (!name.startsWith(prefix)) return undefined;
  const relative = name.slice(prefix.length);
  const isSafe = relative.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isSafe && !relative.includes('\0') ? relative : undefined;
}
