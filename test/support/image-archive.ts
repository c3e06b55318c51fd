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

function descriptor(mediaType: string, bytes: Buffer): object {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
