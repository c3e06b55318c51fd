import { ArchiveError } from './archive-error.js';
import { isRecord, jsonOf } from './json-of.js';
import { CooperativeYield } from '../../util/cooperative-yield.js';

/** An image as an OCI layout describes it: the names of its files in the archive. */
export interface OciImage {
  readonly config: string;
  readonly layers: readonly string[];
}

/** Manifests that say something about an image, as builders add them, and are none. */
const ATTESTATION = 'vnd.docker.reference.type';
/** So much JSON is parsed at a stretch. */
const BYTES_PER_TURN = 256 * 1024;

/**
 * The images of an index.json whose manifests are in the archive: of an image for several platforms often only one is.
 * `blob` gives the content of a small JSON file of the archive, undefined when there is none of that name. An index may
 * name other indexes (one for each platform); however often and wherever a file is named, it is read once.
 */
export async function ociImages(
  index: Buffer,
  blob: (name: string) => Buffer | undefined,
): Promise<readonly OciImage[]> {
  const images: OciImage[] = [];
  const turns = new CooperativeYield(BYTES_PER_TURN);
  const found = new Set<string>();
  const indexes = [{ name: 'index.json', parsed: await jsonOf(index, 'index.json') }];
  for (let next = indexes.pop(); next !== undefined; next = indexes.pop()) {
    for (const descriptor of listOf(next.parsed, 'manifests', next.name)) {
      const name = blobName(descriptor, next.name);
      if (isAttestation(descriptor) || found.has(name)) continue;
      found.add(name);
      const content = blob(name);
      if (content === undefined) continue;
      await turns.after(content.length);
      const parsed = await jsonOf(content, name);
      if (isRecord(parsed) && Array.isArray(parsed['manifests'])) indexes.push({ name, parsed });
      else images.push(imageOf(parsed, name));
    }
  }
  return images;
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
