import { ArchiveError } from './archive-error.js';

export const BLOCK = 512;

/** The content of a header block, before extended headers are applied. */
export interface TarHeader {
  readonly name: string;
  /** Tar's type: `0` a file, `5` a directory, `x` an extended header, … */
  readonly type: string;
  readonly bytes: number;
  readonly linkname: string;
}

const FIELD = {
  name: [0, 100],
  size: [124, 136],
  checksum: [148, 156],
  linkname: [157, 257],
  prefix: [345, 500],
} as const;
const TYPE = 156;
const MAGIC = 257;
const NO_HEADER = 'it is not a tar archive, or is damaged';

const ZEROS = Buffer.alloc(64 * 1024);

export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}

/** Returns how many zeros fill up an entry's content. */
export function paddingOf(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

export function parseHeader(block: Buffer): TarHeader {
  if (numberIn(block, 'checksum') !== checksumOf(block)) throw new ArchiveError(NO_HEADER);
  const isOld = block[TYPE] === 0;
  const type = isOld ? '0' : String.fromCharCode(block[TYPE] ?? 0);
  const name = textIn(block, 'name');
  const bytes = numberIn(block, 'size');
  // GNU's own format has other fields in place of the prefix.
  const prefix = block.toString('latin1', MAGIC, MAGIC + 6) === 'ustar\0' ? textIn(block, 'prefix') : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    // Old tars mark directories by a trailing slash. For docker (Go's archive/tar) the content of an entry with the
    // newer file type follows nevertheless.
    type: name.endsWith('/') && (isOld || (type === '0' && bytes === 0)) ? '5' : type,
    bytes,
    linkname: textIn(block, 'linkname'),
  };
}

/** Returns the header of a regular file. */
export function fileHeader(name: string, bytes: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = splitName(name);
  block.write(rest, FIELD.name[0]);
  block.write('0000644\0' + '0000000\0' + '0000000\0', 100, 'latin1');
  writeSize(block, bytes);
  block.write('00000000000\0', 136, 'latin1');
  block.write('0', TYPE, 'latin1');
  block.write('ustar\x0000', MAGIC, 'latin1');
  block.write(prefix, FIELD.prefix[0]);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, FIELD.checksum[0], 'latin1');
  return block;
}

/** Splits a long name at a slash: at most 155 bytes before it, 100 after it. */
function splitName(name: string): readonly [prefix: string, rest: string] {
  const bytes = Buffer.byteLength(name);
  if (bytes <= 100) return ['', name];
  for (let slash = bytes > 256 ? -1 : name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
    const [prefix, rest] = [name.slice(0, slash), name.slice(slash + 1)];
    if (Buffer.byteLength(rest) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, rest];
  }
  throw new ArchiveError(`it has an entry whose name is too long: ${JSON.stringify(name.slice(0, 100))}…`);
}

// Eleven octal digits are enough for 8 GiB; larger sizes are binary, marked by the highest bit.
function writeSize(block: Buffer, bytes: number): void {
  const [start] = FIELD.size;
  if (bytes < 8 ** 11) block.write(`${bytes.toString(8).padStart(11, '0')}\0`, start, 'latin1');
  else {
    block[start] = 0x80;
    block.writeBigUInt64BE(BigInt(bytes), start + 4);
  }
}

function checksumOf(block: Buffer): number {
  const [start, end] = FIELD.checksum;
  let sum = 32 * (end - start);
  for (let n = 0; n < BLOCK; n += 1) if (n < start || n >= end) sum += block[n] ?? 0;
  return sum;
}

function textIn(block: Buffer, field: 'name' | 'linkname' | 'prefix'): string {
  const [start, end] = FIELD[field];
  return untilZero(block.subarray(start, end));
}

export function untilZero(bytes: Buffer): string {
  const zero = bytes.indexOf(0);
  return bytes.toString('utf8', 0, zero < 0 ? bytes.length : zero);
}

function numberIn(block: Buffer, field: 'size' | 'checksum'): number {
  const [start, end] = FIELD[field];
  const bytes = block.subarray(start, end);
  if (((bytes[0] ?? 0) & 0x80) !== 0) return binaryNumber(bytes);
  const digits = untilZero(bytes).trim();
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveError(NO_HEADER);
  return digits === '' ? 0 : parseInt(digits, 8);
}

function binaryNumber(bytes: Buffer): number {
  const value = BigInt(`0x${bytes.toString('hex')}`) & ((1n << BigInt(bytes.length * 8 - 1)) - 1n);
  // Negative numbers have all bits set, and exceed that too.
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ArchiveError(NO_HEADER);
  return Number(value);
}
