import { ArchiveError } from './archive-error.js';
import { isCanonical, isMetadata, linkTarget, quoted } from './entry-name.js';
import type { MetadataName } from './entry-name.js';
import { isRecord, jsonOf } from './json-of.js';
import { LinkedFiles } from './linked-files.js';
import { ociImages } from './oci-layout.js';
import type { OciImage } from './oci-layout.js';

const TOO_MANY_IMAGES = 'Image tarballs must only contain one image';
/** The engine reads a config whole; real ones have some kilobytes. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** Docker itself refuses an image of more than 125, but only after it has unpacked as many. */
const MAX_LAYERS = 1000;

/** The image of an archive: names of regular files that are in it. */
interface ArchivedImage {
  readonly config: string;
  readonly layers: readonly string[];
}

/** What an image archive has in it, as far as it is needed to say which image that is. */
export class ArchiveContents {
  readonly #fileBytes = new Map<string, number>();
  readonly #links = new Map<string, string>();
  readonly #metadata = new Map<MetadataName, Buffer>();
  /** JSON files of an OCI layout that may turn out to be manifests. */
  readonly #blobs = new Map<string, Buffer>();

  addFile(name: string, bytes: number): void {
    if (this.#links.has(name)) throw twice(name);
    this.#fileBytes.set(name, bytes);
    this.#blobs.delete(name);
  }

  addLink(name: string, type: 'link' | 'symlink', target: string): void {
    if (this.#links.has(name) || this.#fileBytes.has(name)) throw twice(name);
    this.#links.set(name, linkTarget(name, type, target));
  }

  addMetadata(name: MetadataName, content: Buffer): void {
    if (this.#metadata.has(name)) throw twice(name);
    this.#metadata.set(name, content);
  }

  addBlob(name: string, content: Buffer): void {
    this.#blobs.set(name, content);
  }

  /** A manifest.json for the one image of the archive, under the one name that it is to get. To be called at its end. */
  async manifestFor(localName: string): Promise<Buffer> {
    const { config, layers } = await this.#image(new LinkedFiles(this.#fileBytes, this.#links));
    if ((this.#fileBytes.get(config) ?? 0) > MAX_CONFIG_BYTES) {
      throw new ArchiveError(`the image's config ${quoted(config)} has more than ${MAX_CONFIG_BYTES} bytes`);
    }
    return Buffer.from(JSON.stringify([{ Config: config, RepoTags: [localName], Layers: layers }]));
  }

  async #image(files: LinkedFiles): Promise<ArchivedImage> {
    const manifest = this.#metadata.get('manifest.json');
    const index = this.#metadata.get('index.json');
    const blob = (name: string): Buffer | undefined => this.#blobs.get(files.fileOf(name) ?? name);
    const inLayout = index && (await ociImages(index, blob));
    if (inLayout && inLayout.length > 1) throw new ArchiveError(TOO_MANY_IMAGES);
    const [described] = inLayout ?? [];
    if (manifest) return await imageOfManifest(manifest, described, files);
    if (described) return inArchive(described, files);
    throw new ArchiveError(this.#whyThereIsNone(index !== undefined));
  }

  #whyThereIsNone(hasIndex: boolean): string {
    if (hasIndex) return 'its index.json names no image that is in it, or one whose manifest is too large';
    if (this.#metadata.has('repositories')) {
      return 'it has no manifest.json: Docker before 1.10 made it. Load it into a newer one, and save it there';
    }
    return 'it has neither manifest.json nor index.json, so it is no image archive. Make one with docker save';
  }
}

async function imageOfManifest(
  content: Buffer,
  described: OciImage | undefined,
  files: LinkedFiles,
): Promise<ArchivedImage> {
  const items = await jsonOf(content, 'manifest.json');
  if (!Array.isArray(items) || items.length === 0) throw new ArchiveError('manifest.json has no list of images');
  if (items.length > 1) throw new ArchiveError(TOO_MANY_IMAGES);
  const item = items[0] as unknown;
  const { Config: config, Layers: layers } = isRecord(item) ? item : {};
  if (typeof config !== 'string') throw new ArchiveError('manifest.json names no config');
  // An image without layers has null there.
  const names: unknown = layers ?? [];
  if (!isListOfTexts(names)) throw new ArchiveError('manifest.json has no list of layers');
  const image = inArchive({ config, layers: names }, files);
  if (described && inArchive(described, files).config !== image.config) {
    throw new ArchiveError('manifest.json and index.json speak of different images');
  }
  return image;
}

/** The image with the names of regular files alone: links are followed here, so that the engine meets none. */
function inArchive({ config, layers }: OciImage, files: LinkedFiles): ArchivedImage {
  if (layers.length > MAX_LAYERS) throw new ArchiveError(`its image has more than ${MAX_LAYERS} layers`);
  const find = (name: string): string => {
    const file = isCanonical(name) ? files.fileOf(name) : undefined;
    if (file === undefined) throw new ArchiveError(`its image consists of ${quoted(name)}, which is not a file in it`);
    return file;
  };
  return { config: find(config), layers: layers.map(find) };
}

export function isBlob(name: string): boolean {
  return name.startsWith('blobs/') && !isMetadata(name);
}

function twice(name: string): ArchiveError {
  return new ArchiveError(`it has two entries with the name ${quoted(name)}`);
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
