import { buffer } from 'node:stream/consumers';
import { fromBufferPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { errorMessage } from '../util/error-message.js';
import { shorten } from '../util/shorten.js';

/** A file or a directory in an archive. */
export interface ZipEntry {
  /** A relative path without `..`; that of a directory ends with a slash. */
  readonly name: string;
  /** Permission bits; undefined: the archive was not made on a Unix. */
  readonly mode: number | undefined;
  readonly content: Buffer;
}

const MAX_ENTRIES = 10_000;
/** The most bytes of an unpacked archive. It is part of a configuration. */
const MAX_BYTES = 64 * 1024 * 1024;
/** The value for Unix in the upper byte of `versionMadeBy`. */
const UNIX = 3;
const LONGEST_REASON = 300;

/** Unpacks a ZIP archive into memory. Throws an Error if it is not an archive, damaged or too large. */
export async function zipEntries(archive: Buffer): Promise<readonly ZipEntry[]> {
  try {
    return await readEntries(await fromBufferPromise(archive, { lazyEntries: true }));
  } catch (error) {
    // The message may quote a name.
    const reason = shorten(errorMessage(error), LONGEST_REASON);
    throw new Error(`the ZIP archive cannot be used: ${reason}`, { cause: error });
  }
}

async function readEntries(zip: ZipFile): Promise<readonly ZipEntry[]> {
  if (zip.entryCount > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
  const entries: ZipEntry[] = [];
  let left = MAX_BYTES;
  for await (const entry of zip.eachEntry()) {
    // The library ensures that no entry is larger than declared.
    left -= entry.uncompressedSize;
    if (left < 0) throw new Error(`it is larger than ${MAX_BYTES} bytes when unpacked`);
    const content = await buffer(await zip.openReadStreamPromise(entry));
    entries.push({ name: entry.fileName, mode: modeOf(entry), content });
  }
  return entries;
}

function modeOf({ versionMadeBy, externalFileAttributes }: Entry): number | undefined {
  return versionMadeBy >>> 8 === UNIX ? (externalFileAttributes >>> 16) & 0o777 : undefined;
}
