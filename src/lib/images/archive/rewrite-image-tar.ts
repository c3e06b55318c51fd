import { createHash } from 'node:crypto';
import { ArchiveContents, isBlob, isLegacyLayer } from './archive-contents.js';
import { ArchiveError } from './archive-error.js';
import { ChunkReader, brokenOff } from './chunk-reader.js';
import { checkName, isMetadata, plainName } from './entry-name.js';
import type { MetadataName } from './entry-name.js';
import { RootDirectories } from './root-directories.js';
import { BLOCK, fileHeader, paddingOf } from './tar-header.js';
import { MAX_METADATA_BYTES, MetadataBudget, TarReader } from './tar-reader.js';
import type { TarEntry } from './tar-reader.js';
import { CooperativeYield } from '../../util/cooperative-yield.js';
import { trimEnd } from '../../util/trim-end.js';

const MAX_BLOB_BYTES = 512 * 1024;
const OPENING_BRACE = 0x7b;
/** An entry takes some microseconds, and thousands of empty ones may come in one chunk. */
const ENTRIES_PER_TURN = 500;

/**
 * An image archive (of `docker save`, or an OCI layout, as an uncompressed tar) made into one whose only image has
 * `localName` as its only name. Layers pass through as they come; at most 8 MiB are kept.
 *
 * Nothing of the original but the content of its regular files reaches the engine: headers are written anew, links are
 * resolved, and manifest.json, which alone decides what is loaded, is made from what was found. It comes last, and the
 * end of the archive, which the engine waits for, after that: an ArchiveError thrown before leaves the engine as it was.
 *
 * In `layerHashes` the sha256 of each layer is noted that an archive of Docker before 1.10 may have. It takes time that other
 * archives need not: without it such an archive fails with LayerHashesNeeded.
 */
export async function* rewriteImageTar(
  archive: AsyncIterable<Buffer>,
  localName: string,
  layerHashes?: Map<string, string>,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = new ChunkReader(archive);
  const entries = new ArchiveEntries(chunks);
  try {
    // All in this one loop: each generator within another would take its time for each piece.
    for (let file = await entries.nextFile(); file !== undefined; file = await entries.nextFile()) {
      const hash = layerHashes && isLegacyLayer(file.name) ? createHash('sha256') : undefined;
      yield fileHeader(file.name, file.bytes);
      if (file.content) yield file.content;
      else {
        for (let missing = file.bytes; missing > 0;) {
          const piece = (await chunks.some(missing)) ?? brokenOff();
          missing -= piece.length;
          hash?.update(piece);
          yield piece;
        }
        if (hash) layerHashes?.set(file.name, hash.digest('hex'));
        await entries.skipPadding(file.bytes);
      }
      const padding = paddingOf(file.bytes);
      if (padding > 0) yield Buffer.alloc(padding);
    }
    const { manifest, config } = await entries.contents.imageFiles(localName, layerHashes);
    if (config) yield* fileOf(config.name, config.content);
    yield* fileOf('manifest.json', manifest);
    yield Buffer.alloc(2 * BLOCK);
  } catch (error) {
    throw entries.explained(error);
  } finally {
    await chunks.close();
  }
}

function* fileOf(name: string, content: Buffer): Generator<Buffer, void, undefined> {
  yield fileHeader(name, content.length);
  yield content;
  yield Buffer.alloc(paddingOf(content.length));
}

/** A regular file that is no metadata. */
interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  /** Undefined: it is still to be read, and then its padding is. */
  readonly content: Buffer | undefined;
}

/** Goes through an archive, and takes note of what is in it. */
class ArchiveEntries {
  readonly contents = new ArchiveContents();
  readonly #budget = new MetadataBudget();
  readonly #tar: TarReader;
  readonly #turns = new CooperativeYield(ENTRIES_PER_TURN);
  readonly #rootDirectories = new RootDirectories();
  #blobBytesLeft = MAX_METADATA_BYTES;

  constructor(chunks: ChunkReader) {
    this.#tar = new TarReader(chunks, this.#budget);
  }

  /** The next file; undefined at the end of the archive. */
  async nextFile(): Promise<ArchivedFile | undefined> {
    for (let entry = await this.#tar.next(); entry !== undefined; entry = await this.#tar.next()) {
      const { kind, bytes, linkname } = entry;
      await this.#turns.after(1);
      const name = plainName(kind === 'directory' ? trimEnd(entry.name, '/') : entry.name);
      this.#rootDirectories.add(name);
      // A directory packed as such begins with itself.
      if (kind === 'directory' && (name === '.' || name === '')) continue;
      checkName(name);
      if (isMetadata(name)) await this.#keepMetadata(name, entry);
      else if (kind === 'link' || kind === 'symlink') this.contents.addLink(name, kind, linkname);
      else if (kind === 'file') {
        this.contents.addFile(name, bytes);
        const isSmallBlob = isBlob(name) && bytes <= MAX_BLOB_BYTES;
        return { name, bytes, content: isSmallBlob ? await this.#blob(name, bytes) : undefined };
      }
    }
    return undefined;
  }

  /** Why an archive cannot be used, where what is in it tells more than where it was noticed. */
  explained(error: unknown): unknown {
    return error instanceof ArchiveError && this.#rootDirectories.areThere
      ? new ArchiveError(
          'it has the files of a container, as docker export writes them, and no image. Make an image of the container with docker commit, and an archive of that with docker save',
          { cause: error },
        )
      : error;
  }

  async skipPadding(bytes: number): Promise<void> {
    await this.#tar.skipPadding(bytes);
  }

  async #keepMetadata(name: MetadataName, { kind, bytes, hasExtendedName }: TarEntry): Promise<void> {
    if (kind !== 'file') throw new ArchiveError(`${name} is a ${kind}, not a regular file`);
    if (hasExtendedName) throw new ArchiveError(`${name} has its name in an extended header`);
    this.#budget.spend(bytes);
    this.contents.addMetadata(name, await this.#tar.content(bytes));
  }

  /** What may be a manifest is kept as long as there is room; it is missed only if the image turns out to need it. */
  async #blob(name: string, bytes: number): Promise<Buffer> {
    const content = await this.#tar.content(bytes);
    if (content[0] === OPENING_BRACE && bytes <= this.#blobBytesLeft) {
      this.#blobBytesLeft -= bytes;
      this.contents.addBlob(name, Buffer.from(content));
    }
    return content;
  }
}
