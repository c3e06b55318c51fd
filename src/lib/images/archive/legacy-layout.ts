import { createHash } from 'node:crypto';
import { ArchiveError, TOO_MANY_IMAGES } from './archive-error.js';
import { isCanonical, quoted } from './entry-name.js';
import { isRecord, jsonOf } from './json-of.js';

/** The needed files of an archive of Docker before 1.10: `<id>/json` and `<id>/layer.tar` for each layer. */
export interface LegacyFiles {
  /** Returns the content of a small JSON file; undefined if it does not exist. */
  readonly blob: (name: string) => Buffer | undefined;
  /** Returns the sha256, in hex, of the file that a name leads to; undefined if it does not exist. */
  readonly hashOf: (name: string) => string | undefined;
}

/** The image of such an archive in the present format. */
export interface ConvertedImage {
  readonly config: { readonly name: string; readonly content: Buffer };
  /** Lowest first. */
  readonly layers: readonly string[];
}

type Layer = Readonly<Record<string, unknown>>;

/**
 * Returns the image that `repositories` names by its topmost layer, each layer naming its parent. Its config is rebuilt
 * from the validated parts: engines that read such archives follow parents anywhere, and newer ones can't read them.
 */
export async function legacyImage(
  repositories: Buffer,
  { blob, hashOf }: LegacyFiles,
  maxLayers: number,
): Promise<ConvertedImage> {
  const chain = new Map<string, Layer>();
  let id: string | undefined = topmost(await jsonOf(repositories, 'repositories'));
  while (id !== undefined) {
    const name = `${id}/json`;
    if (chain.has(id)) throw new ArchiveError(`its layer ${quoted(id)} is a parent of itself`);
    if (chain.size >= maxLayers) throw new ArchiveError(`its image has more than ${maxLayers} layers`);
    const content = isCanonical(id) && !id.includes('/') ? blob(name) : undefined;
    if (content === undefined) throw missing(name);
    const layer = await jsonOf(content, name);
    if (!isRecord(layer)) throw new ArchiveError(`${quoted(name)} does not describe a layer`);
    chain.set(id, layer);
    id = textOf(layer['parent']);
  }
  const layers = [...chain.keys()].map((layer) => `${layer}/layer.tar`).reverse();
  const hashes = layers.map((name) => hashOf(name) ?? fail(missing(name)));
  const content = Buffer.from(JSON.stringify(configOf([...chain.values()], hashes)));
  const name = `${createHash('sha256').update(content).digest('hex')}.json`;
  return { config: { name, content }, layers };
}

/** Returns the id of the topmost layer. All names must mean one image. */
function topmost(repositories: unknown): string {
  const valuesOf = (value: unknown): readonly unknown[] => (isRecord(value) ? Object.values(value) : []);
  const [id, ...others] = new Set(valuesOf(repositories).flatMap(valuesOf));
  if (others.length > 0) throw new ArchiveError(TOO_MANY_IMAGES);
  return textOf(id) ?? fail(new ArchiveError('repositories names no image'));
}

function configOf(chain: readonly Layer[], hashes: readonly string[]): object {
  const { architecture, os, created, author, config } = chain[0] ?? {};
  return {
    architecture: textOf(architecture) ?? 'amd64',
    os: textOf(os) ?? 'linux',
    created: textOf(created),
    author: textOf(author),
    config: isRecord(config) ? config : undefined,
    rootfs: { type: 'layers', diff_ids: hashes.map((hash) => `sha256:${hash}`) },
    history: [...chain]
      .reverse()
      .map((layer) => ({ created: textOf(layer['created']), author: textOf(layer['author']) })),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function missing(name: string): ArchiveError {
  return new ArchiveError(`its image needs ${quoted(name)}, which is not a file in the archive`);
}

function fail(error: ArchiveError): never {
  throw error;
}
