import { createHash } from 'node:crypto';
import { ArchiveContents, isBlob, isLegacyLayer } from './archive-contents.js';
import { ArchiveError } from './archive-error.js';
import { ChunkReader, throwTruncated } from './chunk-reader.js';
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
/** An entry takes a few microseconds, and thousands of empty ones may arrive in one chunk. */
const ENTRIES_PER_TURN = 500;

/**
 * Rewrites an image archive (of `docker save`, or an OCI layout, as an uncompressed tar) into one whose only image has
 * `localName` as its only name. Layers stream through; at most 8 MiB are kept.
 *
 * Only the content of regular files reaches the engine unchanged: headers are rewritten, links are resolved, and
 * manifest.json, which alone decides what is loaded, is rebuilt. It comes last, followed only by the archive's end,
 * which the engine waits for: an ArchiveError thrown before that leaves the engine unchanged.
 *
 * `layerHashes` receives the sha256 of each layer that an archive of Docker before 1.10 may have. Only such archives
 * need this, which takes time: they throw LayerHashesNeeded without it.
 */
export async function* rewriteImageTar(
  archive: AsyncIterable<Buffer>,
  localName: string,
  layerHashes?: Map<string, string>,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = new ChunkReader(archive);
  const entries = new ArchiveEntries(chunks);
  try {
    // All in one loop: each nested generator would cost time for each piece.
    for (let file = await entries.nextFile(); file !== undefined; file = await entries.nextFile()) {
      const hash = layerHashes && isLegacyLayer(file.name) ? createHash('sha256') : undefined;
      yield fileHeader(file.name, file.bytes);
      if (file.content) yield file.content;
      else {
        for (let missing = file.bytes; missing > 0;) {
          const piece = (await chunks.some(missing)) ?? throwTruncated();
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

/** A regular file that is not metadata. */
interface ArchivedFile {
  readonly name: string;
  readonly bytes: number;
  /** Undefined: the caller must read it, and then its padding. */
  readonly content: Buffer | undefined;
}

/** Reads the entries of an archive, and collects its metadata. */
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

  /** Returns the next file; undefined at the end of the archive. */
  async nextFile(): Promise<ArchivedFile | undefined> {
    for (let entry = await this.#tar.next(); entry !== undefined; entry = await this.#tar.next()) {
      const { kind, bytes, linkname } = entry;
      await this.#turns.after(1);
      const name = plainName(kind === 'directory' ? trimEnd(entry.name, '/') : entry.name);
      this.#rootDirectories.add(name);
      // An archive of `.` begins with the directory itself.
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

  /** Returns a better explanation of an error, if the archive's content has one. */
  explained(error: unknown): unknown {
    return error instanceof ArchiveError && this.#rootDirectories.areFound
      ? new ArchiveError(
          'it has the files of a container, as docker export writes them, and no image. Create an image of the container with docker commit, and an archive of that with docker save',
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

  /** Keeps possible manifests while the budget lasts; one that was dropped matters only if the image needs it. */
  async #blob(name: string, bytes: number): Promise<Buffer> {
    const content = await this.#tar.content(bytes);
    if (content[0] === OPENING_BRACE && bytes <= this.#blobBytesLeft) {
      this.#blobBytesLeft -= bytes;
      this.contents.addBlob(name, Buffer.from(content));
    }
    return content;
  }
}
