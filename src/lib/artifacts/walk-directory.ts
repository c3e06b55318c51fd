import { constants } from 'node:fs';
import type { Dirent } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, opendir } from 'node:fs/promises';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
}

/** A file that can be opened until the next entry is requested. */
export interface DiskFile {
  readonly kind: 'file';
  readonly name: string;
  /** Opens the file, which the caller must close; undefined if it is not a regular file. Throws the system's error. */
  open(): Promise<OpenFile | undefined>;
}

/** An entry below a directory on this machine's disk; names are relative to it. */
export type DiskEntry =
  | DiskFile
  | { readonly kind: 'directory' | 'symlink' | 'device or socket' | 'too deep'; readonly name: string }
  /** A directory that can't be opened; `.` is the root. `error` is the system's. */
  | { readonly kind: 'unreadable'; readonly name: string; readonly error: unknown };

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Not all names on a disk are valid text, and decoded ones would not be found again. */
const NAMES_AS_BYTES = { encoding: 'buffer' as BufferEncoding };
/** Each level holds two file descriptors. */
const MAX_DEPTH = 100;

/**
 * Yields everything below `directory`, whose content a hostile task made. No link is ever followed: each directory is
 * opened within its parent, by descriptor, so that nothing can lead outside. Devices and fifos are not even opened. A
 * directory that can't be opened does not affect the others.
 */
export async function* walkDirectory(directory: string): AsyncGenerator<DiskEntry, void, undefined> {
  const root = await openOr(directory, (error): DiskEntry => ({ kind: 'unreadable', name: '.', error }));
  if ('kind' in root) yield root;
  else yield* below(root, '', 1);
}

/** Yields the entries below `directory`, and closes it. */
async function* below(
  directory: FileHandle,
  prefix: string,
  depth: number,
): AsyncGenerator<DiskEntry, void, undefined> {
  try {
    const place = `/proc/self/fd/${directory.fd}`;
    for await (const entry of await opendir(place, NAMES_AS_BYTES)) {
      // Already a buffer, contrary to its type.
      const nameBytes = Buffer.from(entry.name);
      const name = `${prefix}${nameBytes.toString()}`;
      const inPlace = Buffer.concat([Buffer.from(`${place}/`), nameBytes]);
      if (!entry.isDirectory()) {
        yield leaf(entry, name, inPlace);
      } else if (depth >= MAX_DEPTH) {
        yield { kind: 'too deep', name };
      } else {
        yield { kind: 'directory', name };
        const opened = await openOr(inPlace, (error): DiskEntry => ({ kind: 'unreadable', name, error }));
        if ('kind' in opened) yield opened;
        else yield* below(opened, `${name}/`, depth + 1);
      }
    }
  } finally {
    await directory.close();
  }
}

async function openOr<T>(inPlace: Buffer | string, otherwise: (error: unknown) => T): Promise<FileHandle | T> {
  try {
    return await open(inPlace, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    return otherwise(error);
  }
}

function leaf(entry: Dirent, name: string, inPlace: Buffer): DiskEntry {
  if (entry.isFile()) return { kind: 'file', name, open: () => openRegular(inPlace) };
  return { kind: entry.isSymbolicLink() ? 'symlink' : 'device or socket', name };
}

async function openRegular(inPlace: Buffer): Promise<OpenFile | undefined> {
  const handle = await open(inPlace, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, size: stat.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}
