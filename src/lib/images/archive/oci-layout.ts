import { ArchiveError } from './archive-error.js';
import { isRecord, jsonOf } from './json-of.js';
import { CooperativeYield } from '../../util/cooperative-yield.js';

/** An image in an OCI layout: the names of its files in the archive. */
export interface OciImage {
  readonly config: string;
  readonly layers: readonly string[];
  /** For example `linux/amd64`; undefined if not stated. */
  readonly platform?: string | undefined;
}

interface NamedIndex {
  readonly name: string;
  readonly parsed: unknown;
  readonly platform: string | undefined;
}

/** Marks manifests that describe an image but are not one, as builders add them. */
const ATTESTATION = 'vnd.docker.reference.type';
/** How much JSON is parsed before other work gets a turn. */
const BYTES_PER_TURN = 256 * 1024;

/**
 * Returns the images of an index.json whose manifests are in the archive: often only one of several platforms is.
 * `blob` returns the content of a small JSON file, undefined if it does not exist. An index may name other indexes (for
 * example one for each platform); each file is read once, however often it is named.
 */
export async function ociImages(
  index: Buffer,
  blob: (name: string) => Buffer | undefined,
): Promise<readonly OciImage[]> {
  const images: OciImage[] = [];
  const turns = new CooperativeYield(BYTES_PER_TURN);
  const found = new Set<string>();
  const indexes: NamedIndex[] = [
    { name: 'index.json', parsed: await jsonOf(index, 'index.json'), platform: undefined },
  ];
  for (let next = indexes.pop(); next !== undefined; next = indexes.pop()) {
    for (const descriptor of listOf(next.parsed, 'manifests', next.name)) {
      const name = blobName(descriptor, next.name);
      if (isAttestation(descriptor) || found.has(name)) continue;
      found.add(name);
      const content = blob(name);
      if (content === undefined) continue;
      await turns.after(content.length);
      const parsed = await jsonOf(content, name);
      const platform = platformOf(isRecord(descriptor) ? descriptor['platform'] : undefined) ?? next.platform;
      if (isRecord(parsed) && Array.isArray(parsed['manifests'])) indexes.push({ name, parsed, platform });
      else images.push({ ...imageOf(parsed, name), platform });
    }
  }
  return images.length > 1 ? await withPlatforms(images, blob, turns) : images;
}

/** Adds platforms that only an image's own config states; a config shared by several images is read once. */
async function withPlatforms(
  images: readonly OciImage[],
  blob: (name: string) => Buffer | undefined,
  turns: CooperativeYield,
): Promise<readonly OciImage[]> {
  const known = new Map<string, string | undefined>();
  for (const { platform, config: name } of images) {
    const content = platform === undefined && !known.has(name) ? blob(name) : undefined;
    if (content === undefined) continue;
    await turns.after(content.length);
    known.set(name, platformOf(await jsonOf(content, name)));
  }
  return images.map((image) => ({ ...image, platform: image.platform ?? known.get(image.config) }));
}

function platformOf(described: unknown): string | undefined {
  const { os, architecture } = isRecord(described) ? described : {};
  return typeof os === 'string' && typeof architecture === 'string' ? `${os}/${architecture}` : undefined;
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

/** Returns the file of a digest: `sha256:<hex>` is blobs/sha256/<hex>. */
function blobName(descriptor: unknown, where: string): string {
  const digest = isRecord(descriptor) ? descriptor['digest'] : undefined;
  const [, algorithm, hex] =
    /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(typeof digest === 'string' ? digest : '') ?? [];
  if (algorithm === undefined || hex === undefined) throw new ArchiveError(`${where} lacks a valid digest`);
  return `blobs/${algorithm}/${hex}`;
}

function isAttestation(descriptor: unknown): boolean {
  const annotations = isRecord(descriptor) ? descriptor['annotations'] : undefined;
  return isRecord(annotations) && annotations[ATTESTATION] !== undefined;
}
