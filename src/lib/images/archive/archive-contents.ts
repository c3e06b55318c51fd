import { ArchiveError, TOO_MANY_IMAGES } from './archive-error.js';
import { isCanonical, isMetadata, linkTarget, plainName, quoted } from './entry-name.js';
import type { MetadataName } from './entry-name.js';
import { isRecord, jsonOf } from './json-of.js';
import { LinkedFiles } from './linked-files.js';
import { legacyImage } from './legacy-layout.js';
import type { ConvertedImage } from './legacy-layout.js';
import { ociImages } from './oci-layout.js';
import type { OciImage } from './oci-layout.js';
import { imageForPlatform } from './platform.js';

/** The engine reads a config into memory; real ones have a few kilobytes. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** Docker itself refuses more than 125, but only after unpacking as many. */
const MAX_LAYERS = 1000;

/** An archive's image: the names of regular files in it. */
interface ArchivedImage {
  readonly config: string;
  readonly layers: readonly string[];
}

/** The archive is from Docker before 1.10, without its layers' hashes: it must be read again to compute them. */
export class LayerHashesNeeded extends ArchiveError {}

/** The files to add at the archive's end: manifest.json, and a config if the archive has none. */
export interface ImageFiles {
  readonly manifest: Buffer;
  readonly config: ConvertedImage['config'] | undefined;
}

/** The content of an image archive, as far as it determines the image. */
export class ArchiveContents {
  readonly #fileBytes = new Map<string, number>();
  readonly #links = new Map<string, string>();
  readonly #metadata = new Map<MetadataName, Buffer>();
  /** JSON files of an OCI layout that may be manifests. */
  readonly #blobs = new Map<string, Buffer>();

  addFile(name: string, bytes: number): void {
    if (this.#links.has(name)) throw duplicateEntry(name);
    this.#fileBytes.set(name, bytes);
    this.#blobs.delete(name);
  }

  addLink(name: string, type: 'link' | 'symlink', target: string): void {
    if (this.#links.has(name) || this.#fileBytes.has(name)) throw duplicateEntry(name);
    this.#links.set(name, linkTarget(name, type, target));
  }

  addMetadata(name: MetadataName, content: Buffer): void {
    if (this.#metadata.has(name)) throw duplicateEntry(name);
    this.#metadata.set(name, content);
  }

  addBlob(name: string, content: Buffer): void {
    this.#blobs.set(name, content);
  }

  /**
   * Returns the files that define the archive's only image, under its only new name. Call it at the archive's end.
   * `layerHashes` maps layers' names to hashes; some archives need it, and throw LayerHashesNeeded without it.
   */
  async imageFiles(localName: string, layerHashes: ReadonlyMap<string, string> | undefined): Promise<ImageFiles> {
    const files = new LinkedFiles(this.#fileBytes, this.#links);
    const manifestOf = ({ config, layers }: ArchivedImage): Buffer =>
      Buffer.from(JSON.stringify([{ Config: config, RepoTags: [localName], Layers: layers }]));
    const converted = await this.#converted(files, layerHashes);
    if (converted) {
      const layers = layersIn(converted.layers, files);
      return { manifest: manifestOf({ config: converted.config.name, layers }), config: converted.config };
    }
    const image = await this.#image(files);
    if ((this.#fileBytes.get(image.config) ?? 0) > MAX_CONFIG_BYTES) {
      throw new ArchiveError(`the image's config ${quoted(image.config)} has more than ${MAX_CONFIG_BYTES} bytes`);
    }
    return { manifest: manifestOf(image), config: undefined };
  }

  async #image(files: LinkedFiles): Promise<ArchivedImage> {
    const manifest = this.#metadata.get('manifest.json');
    const index = this.#metadata.get('index.json');
    const inLayout = index === undefined ? [] : await ociImages(index, (name) => this.#blob(name, files));
    if (manifest) return await imageOfManifest(manifest, inLayout, files);
    const described = imageForPlatform(inLayout);
    if (described) return inArchive(described, files);
    throw new ArchiveError(
      index === undefined
        ? 'it has neither manifest.json nor index.json, so it is not an image archive. Create one with docker save'
        : "its index.json names no image in the archive, or the image's manifest is too large",
    );
  }

  /** Converts the image of an archive that names it only in `repositories`. */
  async #converted(
    files: LinkedFiles,
    layerHashes: ReadonlyMap<string, string> | undefined,
  ): Promise<ConvertedImage | undefined> {
    const repositories = this.#metadata.get('repositories');
    if (!repositories || this.#metadata.has('manifest.json') || this.#metadata.has('index.json')) return undefined;
    if (!layerHashes) throw new LayerHashesNeeded('it does not state the hashes of its layers');
    const blob = (name: string): Buffer | undefined => this.#blob(name, files);
    const hashOf = (name: string): string | undefined => layerHashes.get(files.fileOf(name) ?? name);
    return await legacyImage(repositories, { blob, hashOf }, MAX_LAYERS);
  }

  #blob(name: string, files: LinkedFiles): Buffer | undefined {
    return this.#blobs.get(files.fileOf(name) ?? name);
  }
}

async function imageOfManifest(
  content: Buffer,
  inLayout: readonly OciImage[],
  files: LinkedFiles,
): Promise<ArchivedImage> {
  const items = await jsonOf(content, 'manifest.json');
  if (!Array.isArray(items) || items.length === 0) throw new ArchiveError('manifest.json has no list of images');
  if (items.length > 1) throw new ArchiveError(TOO_MANY_IMAGES);
  const item = items[0] as unknown;
  const { Config: config, Layers: layers } = isRecord(item) ? item : {};
  if (typeof config !== 'string') throw new ArchiveError('manifest.json names no config');
  // An image without layers has null here.
  const names: unknown = layers ?? [];
  if (!isListOfTexts(names)) throw new ArchiveError('manifest.json has no list of layers');
  const image = inArchive({ config, layers: names }, files);
  const isDescribed = inLayout.some((described) => files.fileOf(plainName(described.config)) === image.config);
  if (inLayout.length > 0 && !isDescribed) {
    throw new ArchiveError('manifest.json and index.json describe different images');
  }
  return image;
}

/** Returns the image with the names of regular files: links are resolved here, so that the engine meets none. */
function inArchive({ config, layers }: OciImage, files: LinkedFiles): ArchivedImage {
  return { config: fileIn(config, files), layers: layersIn(layers, files) };
}

function layersIn(layers: readonly string[], files: LinkedFiles): readonly string[] {
  if (layers.length > MAX_LAYERS) throw new ArchiveError(`its image has more than ${MAX_LAYERS} layers`);
  return layers.map((name) => fileIn(name, files));
}

function fileIn(name: string, files: LinkedFiles): string {
  const plain = plainName(name);
  const file = isCanonical(plain) ? files.fileOf(plain) : undefined;
  if (file === undefined) throw new ArchiveError(`its image needs ${quoted(name)}, which is not a file in the archive`);
  return file;
}

/** Returns whether a file may describe an image: blobs of an OCI layout, and layers' JSON by Docker before 1.10. */
export function isBlob(name: string): boolean {
  return (name.startsWith('blobs/') && !isMetadata(name)) || /^[^/]+\/json$/.test(name);
}

/** Returns whether the name is a layer's, in all versions of Docker before 25. */
export function isLegacyLayer(name: string): boolean {
  return name.endsWith('/layer.tar');
}

function duplicateEntry(name: string): ArchiveError {
  return new ArchiveError(`it has two entries with the name ${quoted(name)}`);
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
