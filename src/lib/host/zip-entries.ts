import { inflateRawSync } from 'node:zlib';

/** A file or a directory in an archive. */
export interface ZipEntry {
  /** As it is written; of a directory with a slash at its end. Not to be trusted. */
  readonly name: string;
  /** Permission bits; undefined: the archive was not made on a Unix. */
  readonly mode: number | undefined;
  readonly content: Buffer;
}

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const FILE_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const FILE_BYTES = 30;
const LONGEST_COMMENT = 0xffff;
const MAX_ENTRIES = 10_000;
/** All of an archive, unpacked. It came within a configuration. */
const MAX_BYTES = 64 * 1024 * 1024;
const UNIX = 3;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

/** Unpacks a ZIP archive. Fails, in words, when it is none, is damaged, or has what only few such archives have. */
export function zipEntries(archive: Buffer): readonly ZipEntry[] {
  try {
    return readEntries(archive);
  } catch (error) {
    // Reading beyond the end.
    if (error instanceof RangeError) throw new Error('the ZIP archive is cut off or damaged', { cause: error });
    throw error;
  }
}

function readEntries(archive: Buffer): readonly ZipEntry[] {
  const end = endRecord(archive);
  const count = archive.readUInt16LE(end + 10);
  let offset = archive.readUInt32LE(end + 16);
  if (count > MAX_ENTRIES) throw new Error(`the ZIP archive has more than ${MAX_ENTRIES} entries`);
  const entries: ZipEntry[] = [];
  let left = MAX_BYTES;
  for (let number = 0; number < count; number++) {
    if (archive.readUInt32LE(offset) !== ENTRY_SIGNATURE) throw new Error('the ZIP archive is damaged');
    const nameEnd = offset + ENTRY_BYTES + archive.readUInt16LE(offset + 28);
    const name = archive.toString('utf8', offset + ENTRY_BYTES, nameEnd);
    const isUnix = archive.readUInt8(offset + 5) === UNIX;
    const mode = isUnix ? (archive.readUInt32LE(offset + 38) >>> 16) & 0o777 : undefined;
    const content = contentOf(archive, offset, left);
    left -= content.length;
    entries.push({ name, mode, content });
    offset = nameEnd + archive.readUInt16LE(offset + 30) + archive.readUInt16LE(offset + 32);
  }
  return entries;
}

/** At the end of the archive, before a comment. */
function endRecord(archive: Buffer): number {
  const last = archive.length - END_BYTES;
  for (let offset = last; offset >= Math.max(0, last - LONGEST_COMMENT); offset--) {
    if (archive.readUInt32LE(offset) === END_SIGNATURE) return offset;
  }
  throw new Error('it is no ZIP archive');
}

function contentOf(archive: Buffer, entry: number, limit: number): Buffer {
  const flags = archive.readUInt16LE(entry + 8);
  const method = archive.readUInt16LE(entry + 10);
  const packedBytes = archive.readUInt32LE(entry + 20);
  const bytes = archive.readUInt32LE(entry + 24);
  const header = archive.readUInt32LE(entry + 42);
  if (flags & ENCRYPTED) throw new Error('the ZIP archive is encrypted');
  if (bytes > limit) throw new Error(`the ZIP archive is larger than ${MAX_BYTES} bytes when unpacked`);
  if (archive.readUInt32LE(header) !== FILE_SIGNATURE) throw new Error('the ZIP archive is damaged');
  const begin = header + FILE_BYTES + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(begin, begin + packedBytes);
  if (packed.length < packedBytes) throw new RangeError('beyond the end');
  const content = unpack(packed, method, bytes);
  if (content.length !== bytes) throw new Error('the ZIP archive is damaged');
  return content;
}

function unpack(packed: Buffer, method: number, bytes: number): Buffer {
  if (method === STORED) return packed;
  if (method !== DEFLATED) throw new Error(`the ZIP archive is compressed by method ${method}, which is not supported`);
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    throw new Error('the ZIP archive is damaged', { cause: error });
  }
}
