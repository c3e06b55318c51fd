import { ArchiveError } from './archive-error.js';
import { throwTruncated } from './chunk-reader.js';
import type { ChunkReader } from './chunk-reader.js';
import { quoted } from './entry-name.js';
import { BLOCK, isZero, paddingOf, parseHeader, untilZero } from './tar-header.js';
import type { TarHeader } from './tar-header.js';

/** The limit for what is kept of an archive in memory, including extended headers and names. */
export const MAX_METADATA_BYTES = 4 * 1024 * 1024;

/** The overhead of a kept name, besides its characters. */
const ENTRY_BYTES = 128;
/** Real ones have less than ten; parsing thousands would be an attack on the worker's time. */
const MAX_PAX_RECORDS = 1000;
/** Zeros after the end, which may compress to almost nothing. GNU tar pads to 10 KiB, tapes to some megabytes. */
const MAX_END_BYTES = 64 * 1024 * 1024;

export type EntryKind = 'file' | 'directory' | 'link' | 'symlink';

export interface TarEntry {
  readonly kind: EntryKind;
  readonly name: string;
  /** True if the name is in an extended header. */
  readonly hasExtendedName: boolean;
  readonly bytes: number;
  readonly linkname: string;
}

const KINDS: Readonly<Record<string, EntryKind>> = { 0: 'file', 7: 'file', 1: 'link', 2: 'symlink', 5: 'directory' };

interface Extension {
  name?: string;
  linkname?: string;
  bytes?: number;
}

/** Limits the memory that one archive may occupy. */
export class MetadataBudget {
  #left: number;

  constructor(bytes = MAX_METADATA_BYTES) {
    this.#left = bytes;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw new ArchiveError(
        `its metadata (names, extended headers, manifests) is more than ${MAX_METADATA_BYTES} bytes`,
      );
    }
  }
}

/**
 * Reads a tar entry by entry: the header, then the content as the caller reads it from `chunks`, its padding, then the
 * next header. Supports the formats of POSIX (ustar, pax), GNU tar without sparse files, and the original one.
 */
export class TarReader {
  readonly #chunks: ChunkReader;
  readonly #budget: MetadataBudget;

  constructor(chunks: ChunkReader, budget: MetadataBudget) {
    this.#chunks = chunks;
    this.#budget = budget;
  }

  /** Returns the next entry; undefined at the end, which only zeros may follow. */
  async next(): Promise<TarEntry | undefined> {
    let extension: Extension = {};
    for (;;) {
      const block = (await this.#chunks.exactly(BLOCK)) ?? throwTruncated();
      if (isZero(block)) {
        await this.#checkEnd();
        return undefined;
      }
      const header = parseHeader(block);
      if ('xgLK'.includes(header.type)) extension = { ...extension, ...(await this.#extension(header)) };
      else return this.#entry(header, extension);
    }
  }

  /** Returns the complete content of an entry. */
  async content(bytes: number): Promise<Buffer> {
    const content = (await this.#chunks.exactly(bytes)) ?? throwTruncated();
    await this.skipPadding(bytes);
    return content;
  }

  /** Skips the padding after content that was read from `chunks`. */
  async skipPadding(bytes: number): Promise<void> {
    if ((await this.#chunks.exactly(paddingOf(bytes))) === undefined) throwTruncated();
  }

  #entry({ name, type, bytes, linkname }: TarHeader, extension: Extension): TarEntry {
    const kind = KINDS[type];
    const fullName = extension.name ?? name;
    const target = extension.linkname ?? linkname;
    this.#budget.spend(Buffer.byteLength(fullName) + Buffer.byteLength(target) + ENTRY_BYTES);
    if (kind === undefined) {
      const allowed = 'only regular files, directories and links may be in an image archive';
      throw new ArchiveError(`its entry ${quoted(fullName)} is of the type ${quoted(type)}; ${allowed}`);
    }
    return {
      kind,
      name: fullName,
      hasExtendedName: extension.name !== undefined,
      // Only files have content, whatever size the header states. Docker reads archives the same way (Go's archive/tar,
      // isHeaderOnly), and both must find the next header at the same place.
      bytes: kind === 'file' ? (extension.bytes ?? bytes) : 0,
      linkname: target,
    };
  }

  async #extension({ type, bytes }: TarHeader): Promise<Extension> {
    this.#budget.spend(bytes + BLOCK);
    const content = await this.content(bytes);
    if (type === 'L') return { name: untilZero(content) };
    if (type === 'K') return { linkname: untilZero(content) };
    const extension = parsePax(content);
    if (type === 'g' && Object.keys(extension).length > 0) {
      throw new ArchiveError('it sets a name or a size for all of its entries');
    }
    return extension;
  }

  async #checkEnd(): Promise<void> {
    const second = await this.#chunks.exactly(BLOCK);
    if (second === undefined) throwTruncated();
    let bytes = 0;
    for (let rest: Buffer | undefined = second; rest !== undefined; rest = await this.#chunks.some(Infinity)) {
      if (!isZero(rest)) throw new ArchiveError('there is data after its end');
      bytes += rest.length;
      if (bytes > MAX_END_BYTES) throw new ArchiveError(`there are more than ${MAX_END_BYTES} zeros after its end`);
    }
  }
}

/** Parses the records of a pax header (`<length> <key>=<value>\n`) that matter here. */
function parsePax(content: Buffer): Extension {
  const extension: Extension = {};
  let records = 0;
  for (let at = 0; at < content.length;) {
    records += 1;
    if (records > MAX_PAX_RECORDS)
      throw new ArchiveError(`one of its pax headers has more than ${MAX_PAX_RECORDS} records`);
    const space = content.indexOf(' ', at);
    const length = Number(content.toString('latin1', at, Math.max(at, space)));
    const end = at + length;
    const isWhole = space > at && Number.isInteger(length) && end > space + 1 && end <= content.length;
    if (!isWhole || content[end - 1] !== 0x0a) throw new ArchiveError('one of its pax headers is damaged');
    const equals = content.indexOf('=', space);
    if (equals < 0 || equals >= end) throw new ArchiveError('one of its pax headers is damaged');
    applyRecord(extension, content.toString('utf8', space + 1, equals), content.toString('utf8', equals + 1, end - 1));
    at = end;
  }
  return extension;
}

function applyRecord(extension: Extension, key: string, value: string): void {
  if (key.startsWith('GNU.sparse.')) throw new ArchiveError('it has a sparse file, which no image archive has');
  if (key === 'path') extension.name = value;
  else if (key === 'linkpath') extension.linkname = value;
  else if (key === 'size') {
    const bytes = /^\d+$/.test(value) ? Number(value) : NaN;
    if (!Number.isSafeInteger(bytes)) throw new ArchiveError('one of its pax headers is damaged');
    extension.bytes = bytes;
  }
}
