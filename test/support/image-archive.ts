import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

/** A tar entry; without content it has none. */
export type TarFile = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

/** A tar with these entries, as they are, however wrong. */
export async function tarOf(files: readonly TarFile[]): Promise<Buffer> {
  const tar = pack();
  const packed = buffer(tar);
  for (const { content = '', ...header } of files) tar.entry({ mtime: new Date(0), mode: 0o644, ...header }, content);
  tar.finalize();
  return await packed;
}

export interface TinyImage {
  /** `sha256:…` */
  readonly id: string;
  /** Names in the archive. */
  readonly config: string;
  readonly layer: string;
  /** Config and layer, without metadata. */
  readonly files: readonly TarFile[];
  /** One item of a manifest.json. */
  readonly item: {
    readonly Config: string;
    readonly RepoTags: readonly string[] | null;
    readonly Layers: readonly string[];
  };
}

/** An image of one layer, in which there is a file with `content`; its command is `echo`. */
export async function tinyImage(content: string, names: readonly string[] | null): Promise<TinyImage> {
  const layerTar = await tarOf([{ name: 'content', content }]);
  const diffId = sha256(layerTar);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['echo'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
    history: [{ created: '1970-01-01T00:00:00Z' }],
  });
  const id = sha256(config);
  const layer = `${diffId}/layer.tar`;
  return {
    id: `sha256:${id}`,
    config: `${id}.json`,
    layer,
    files: [
      { name: layer, content: layerTar },
      { name: `${id}.json`, content: config },
    ],
    item: { Config: `${id}.json`, RepoTags: names, Layers: [layer] },
  };
}

/** A manifest.json of these images. */
export function manifestOf(...items: readonly object[]): TarFile {
  return { name: 'manifest.json', content: JSON.stringify(items) };
}

/** What `docker save` makes of an image. */
export async function dockerArchive(content: string, names: readonly string[] | null): Promise<Buffer> {
  const { files, item } = await tinyImage(content, names);
  return await tarOf([...files, manifestOf(item)]);
}

/** An OCI layout of one image, without manifest.json; the image is named by annotations. */
export async function ociFiles(content: string, name: string): Promise<readonly TarFile[]> {
  const { files } = await tinyImage(content, null);
  const [layer, config] = files.map(({ content: bytes = '' }) => Buffer.from(bytes));
  if (!layer || !config) throw new Error('a tiny image has a layer and a config');
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
    }),
  );
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': 'latest' };
  const entry = { ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest), annotations };
  return [
    ...[layer, config, manifest].map((bytes) => ({ name: `blobs/sha256/${sha256(bytes)}`, content: bytes })),
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [entry] }) },
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

/** The manifest of one image of an index: the names of its files. */
interface IndexedManifest {
  readonly config: string;
  readonly layers: readonly string[];
}

/** An OCI layout of one image for several platforms, which the index, one within it, or the configs alone say. */
export async function ociIndex(
  platforms: readonly string[],
  where: 'index' | 'nested index' | 'config',
): Promise<{ readonly files: readonly TarFile[]; readonly manifests: readonly IndexedManifest[] }> {
  const blobs: TarFile[] = [];
  const add = (value: Buffer | object): Buffer => {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    blobs.push({ name: blobName(bytes), content: bytes });
    return bytes;
  };
  const manifests: IndexedManifest[] = [];
  const entries: object[] = [];
  for (const [n, platform] of platforms.entries()) {
    const [os, architecture] = platform.split('/');
    const layer = add(await tarOf([{ name: `content-${n}`, content: platform }]));
    const own = where === 'config' ? { os, architecture } : { os: 'linux', architecture: 'amd64' };
    const config = add({ ...own, n, rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] } });
    const layers = [descriptor('application/vnd.oci.image.layer.v1.tar', layer)];
    const manifest = add({ schemaVersion: 2, config: descriptor('application/json', config), layers });
    manifests.push({ config: blobName(config), layers: [blobName(layer)] });
    entries.push({
      ...descriptor('manifest', manifest),
      ...(where !== 'config' && { platform: { os, architecture } }),
    });
  }
  const nested =
    where === 'nested index' ? [descriptor('index', add({ schemaVersion: 2, manifests: entries }))] : entries;
  const index = { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: nested }) };
  return { files: [...blobs, index, { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }], manifests };
}

/** An OCI layout of an image of these layers for each platform, whose configs have no `config`. */
export function ociOf(platforms: readonly string[], layers: readonly Buffer[]): readonly TarFile[] {
  const diff_ids = layers.map((layer) => `sha256:${sha256(layer)}`);
  const blobs = [...layers];
  const manifests = platforms.map((platform, n) => {
    const [os, architecture] = platform.split('/');
    const config = Buffer.from(
      JSON.stringify({ os, architecture, author: String(n), rootfs: { type: 'layers', diff_ids } }),
    );
    const described = layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer));
    const facts = { schemaVersion: 2, config: descriptor('application/vnd.oci.image.config.v1+json', config) };
    const manifest = Buffer.from(JSON.stringify({ ...facts, layers: described }));
    blobs.push(config, manifest);
    return { ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest), platform: { os, architecture } };
  });
  return [
    ...blobs.map((content) => ({ name: blobName(content), content })),
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests }) },
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

/** The id of the nth layer of `legacyFiles`. */
export function legacyId(n: number): string {
  return String(n).repeat(64);
}

/**
 * What Docker before 1.10 saved of an image with these layers, the lowest first. `names`: repositories, tags, and which
 * layer each is.
 */
export async function legacyFiles(
  contents: readonly string[],
  names: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Promise<readonly TarFile[]> {
  const layers = await Promise.all(
    contents.map(async (content, n) => {
      const parent = n === 0 ? {} : { parent: legacyId(n - 1) };
      const facts = { created: '2015-01-01T00:00:00Z', architecture: 'amd64', os: 'linux', config: { Cmd: [content] } };
      return [
        { name: `${legacyId(n)}/`, type: 'directory' as const },
        { name: `${legacyId(n)}/VERSION`, content: '1.0' },
        { name: `${legacyId(n)}/json`, content: JSON.stringify({ id: legacyId(n), ...parent, ...facts }) },
        { name: `${legacyId(n)}/layer.tar`, content: await tarOf([{ name: `file-${n}`, content }]) },
      ];
    }),
  );
  const repositories = Object.entries(names).map(([name, tags]) => [
    name,
    Object.fromEntries(Object.entries(tags).map(([tag, n]) => [tag, legacyId(n)])),
  ]);
  return [...layers.flat(), { name: 'repositories', content: JSON.stringify(Object.fromEntries(repositories)) }];
}

function blobName(bytes: Buffer): string {
  return `blobs/sha256/${sha256(bytes)}`;
}

function descriptor(mediaType: string, bytes: Buffer): object {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
