import { ArchiveError } from './archive-error.js';
import { isRecord, jsonOf } from './json-of.js';

/** An image as an OCI layout describes it: the names of its files in the archive. */
export interface OciImage {
  readonly config: string;
  readonly layers: readonly string[];
}

/** Manifests that say something about an image, as builders add them, and are none. */
const ATTESTATION = 'vnd.docker.reference.type';
/** An index may hold indexes (one for each platform); deeper ones are nobody's. */
const MAX_DEPTH = 3;

/**
 * The images of an index.json whose manifests are in the archive: of an image for several platforms often only one is.
 * `blob` gives the content of a small JSON file of the archive, undefined when there is none of that name.
 */
export function ociImages(index: Buffer, blob: (name: string) => Buffer | undefined): readonly OciImage[] {
  const images = new Map<string, OciImage>();
  const collect = (parsed: unknown, where: string, depth: number): void => {
    for (const descriptor of listOf(parsed, 'manifests', where)) {
      const name = blobName(descriptor, where);
      const content = isAttestation(descriptor) ? undefined : blob(name);
      if (content === undefined || images.has(name)) continue;
      const inner = jsonOf(content, name);
      if (isRecord(inner) && Array.isArray(inner['manifests'])) {
        if (depth >= MAX_DEPTH) throw new ArchiveError(`${where}: its indexes are nested too deep`);
        collect(inner, name, depth + 1);
      } else images.set(name, imageOf(inner, name));
    }
  };
  collect(jsonOf(index, 'index.json'), 'index.json', 1);
  return [...images.values()];
}

function imageOf(manifest: unknown, where: string): OciImage {
  const config = isRecord(manifest) ? manifest['config'] : undefined;
  return {
    config: blobName(config, where),
    layers: listOf(manifest, 'layers', where).map((layer) => blobName(layer, where)),
  };
}

function listOf(parsed: unknown, key: string, where: string): readonly unknown[] {
  const list = isRecord(parsed) ? parsed[key] : undefined;
  if (!Array.isArray(list)) throw new ArchiveError(`${where} has no list of ${key}`);
  return list;
}

/** `sha256:<hex>` is the file blobs/sha256/<hex>. */
function blobName(descriptor: unknown, where: string): string {
  const digest = isRecord(descriptor) ? descriptor['digest'] : undefined;
  const [, algorithm, hex] =
    /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(typeof digest === 'string' ? digest : '') ?? [];
  if (algorithm === undefined || hex === undefined) throw new ArchiveError(`${where} names something by no digest`);
  return `blobs/${algorithm}/${hex}`;
}

function isAttestation(descriptor: unknown): boolean {
  const annotations = isRecord(descriptor) ? descriptor['annotations'] : undefined;
  return isRecord(annotations) && annotations[ATTESTATION] !== undefined;
}
