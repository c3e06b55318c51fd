import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { fileHeader } from '../../../src/lib/images/archive/tar-header.js';
import { jsonValue, largeJson } from './json.js';
import { size, textOf } from './text.js';

/** An entry of a tar as it stands in its header, right or wrong. */
export interface RawEntry {
  readonly name: string;
  /** As in the header: `0` is a file. */
  readonly type: string;
  readonly linkname?: string;
  readonly content?: Buffer;
  /** What the header says of the size; default: what there is. */
  readonly bytes?: number;
}

const BLOCK = 512;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** A tar with these entries. Cheap: an archive may have thousands. */
export function rawTar(entries: readonly RawEntry[], hasEnd = true): Buffer {
  const blocks = entries.flatMap(({ name, type, linkname = '', content = Buffer.alloc(0), bytes = content.length }) => {
    const header = fileHeader('', bytes);
    header.write(name, 0, 99);
    header.write(type.charAt(0) || '0', 156, 'latin1');
    header.write(linkname, 157, 99);
    header.write('        ', 148, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(hasEnd ? 2 * BLOCK : 0)]);
}

/** An image that an archive describes. */
export interface DescribedImage {
  readonly entries: readonly RawEntry[];
  readonly config: string;
  readonly layers: readonly string[];
}

const file = (name: string, content: Buffer | string): RawEntry => ({ name, type: '0', content: Buffer.from(content) });
const blob = (content: Buffer | string): RawEntry => file(`blobs/sha256/${sha256(content)}`, content);
const descriptor = (entry: RawEntry, more: object = {}): object => ({
  mediaType: 'application/vnd.oci.image.layer.v1.tar',
  digest: `sha256:${entry.name.slice(-64)}`,
  size: entry.content?.length ?? 0,
  ...more,
});

const contents = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 0, max: 255 }), size(200_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
  { minLength: 0, maxLength: 4, selector: (bytes) => `${bytes.length} ${bytes[0] ?? ''}` },
);

/** As `docker save` writes it. */
export const dockerImage: fc.Arbitrary<DescribedImage> = fc
  .tuple(contents, jsonValue(['config', 'rootfs']), fc.boolean())
  .map(([layers, extra, isFirst]) => {
    const config = file(`${sha256(JSON.stringify(extra))}.json`, JSON.stringify({ extra }));
    const layerFiles = layers.map((content, index) => file(`${index}${sha256(content)}/layer.tar`, content));
    const names = layerFiles.map(({ name }) => name);
    const item = { Config: config.name, RepoTags: ['a:b'], Layers: names };
    const manifest = file('manifest.json', JSON.stringify([item]));
    const files = [...layerFiles, config];
    return { entries: isFirst ? [manifest, ...files] : [...files, manifest], config: config.name, layers: names };
  });

/** An OCI layout, perhaps with the image's index within another one and with an attestation beside it. */
export const ociImage: fc.Arbitrary<DescribedImage> = fc
  .tuple(contents, jsonValue(['config']), fc.integer({ min: 0, max: 2 }), fc.boolean())
  .map(([layers, extra, depth, isAttested]) => {
    const config = blob(JSON.stringify({ extra }));
    const layerBlobs = layers.map((content) => blob(content));
    const manifest = blob(
      JSON.stringify({ config: descriptor(config), layers: layerBlobs.map((each) => descriptor(each)) }),
    );
    const attestation = descriptor(blob('{}'), {
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    let manifests = [descriptor(manifest), ...(isAttested ? [attestation] : [])];
    const indexes: RawEntry[] = [];
    for (let level = 0; level < depth; level++) {
      const index = blob(JSON.stringify({ manifests }));
      indexes.push(index);
      manifests = [descriptor(index)];
    }
    const index = file('index.json', JSON.stringify({ manifests }));
    const layout = file('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
    return {
      entries: [...unique([...layerBlobs, config, manifest, ...indexes]), index, layout],
      config: config.name,
      layers: layerBlobs.map(({ name }) => name),
    };
  });

function unique(entries: readonly RawEntry[]): readonly RawEntry[] {
  return [...new Map(entries.map((entry) => [entry.name, entry])).values()];
}

/** Blobs that refer to one another: few of them, each in great numbers, so that the archive means far more than it is. */
export const tangledOci: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom('manifests', 'layers', 'both'), size(3000)), { minLength: 1, maxLength: 4 }),
    size(3000),
  )
  .map(([levels, topCount]) => {
    let inner = blob('{"config":{}}');
    const entries = [inner];
    for (const [kind, count] of levels) {
      const list = Array<object>(count).fill({ digest: `sha256:${inner.name.slice(-64)}` });
      const digest = { digest: `sha256:${inner.name.slice(-64)}` };
      const more = kind === 'manifests' ? {} : { config: digest, layers: list };
      inner = blob(JSON.stringify(kind === 'layers' ? more : { ...more, manifests: list }));
      entries.push(inner);
    }
    const manifests = Array<object>(topCount).fill({ digest: `sha256:${inner.name.slice(-64)}` });
    return rawTar([...unique(entries), file('index.json', JSON.stringify({ manifests }))]);
  });

/** A long chain of links to a layer that the image has many times over. */
export const linkedLayers: fc.Arbitrary<Buffer> = fc
  .tuple(size(1500), size(20_000), fc.constantFrom('1', '2'), fc.boolean())
  .map(([links, layers, type, isLoop]) => {
    const chain = Array.from({ length: links }, (_, n) => ({
      name: `l${n}`,
      type,
      linkname: n === 0 && !isLoop ? 'file' : `l${(n + links - 1) % links}`,
    }));
    const item = { Config: 'c.json', Layers: Array<string>(layers).fill(`l${Math.max(0, links - 1)}`) };
    return rawTar([file('file', 'x'), file('c.json', '{}'), ...chain, file('manifest.json', JSON.stringify([item]))]);
  });

/** What Docker before 1.10 saved: layers that name their parents, which may be others, missing, or go round. */
export const legacyLayers: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(fc.integer({ min: -2, max: 40 }), { minLength: 1, maxLength: 40 }), size(1500), fc.boolean())
  .map(([parents, more, isLong]) => {
    const all = isLong ? Array.from({ length: more + 1 }, (_, n) => n - 1) : parents;
    const layers = all.flatMap((parent, n) => [
      file(`${n}/json`, JSON.stringify({ id: String(n), ...(parent >= 0 && { parent: String(parent) }), config: {} })),
      file(`${n}/layer.tar`, String(n)),
    ]);
    const tags = { latest: String(all.length - 1) };
    return rawTar([...layers, file('repositories', JSON.stringify({ 'some/name': tags }))]);
  });

const NAME_TOKENS = [
  'manifest.json',
  'index.json',
  'oci-layout',
  'repositories',
  'blobs/sha256/',
  'a',
  '/',
  '..',
  '.',
  'layer.tar',
  'c.json',
];

const rawEntry: fc.Arbitrary<RawEntry> = fc
  .record({
    name: textOf(NAME_TOKENS, 2000),
    type: fc.constantFrom('0', '0', '0', '1', '2', '3', '5', '7', 'x', 'g', 'L', 'K', 'S', '\0', 'é'),
    linkname: textOf(NAME_TOKENS, 300),
    content: fc
      .oneof(
        largeJson(['Config', 'Layers', 'manifests', 'config', 'layers', 'digest'], 300_000),
        fc
          .tuple(
            textOf(['path=', 'size=', 'linkpath=', 'GNU.sparse.', 'a', '\n'], 600_000),
            fc.constantFrom('path', 'size', 'x'),
          )
          .map(([value, key]) => paxRecord(key, value)),
        textOf(['12 path=', '\n', ' ', '=', '99'], 5000),
      )
      .map((text) => Buffer.from(text)),
    bytes: fc.option(fc.constantFrom(0, 1, 511, 8 ** 11 - 1, 8 ** 11, 2 ** 52), { nil: undefined, freq: 8 }),
  })
  .map(({ bytes, ...entry }) => (bytes === undefined ? entry : { ...entry, bytes }));

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const digits = String(bytes + String(bytes).length).length;
  return `${bytes + digits}${rest}`;
}

/** Anything in any order, in thousands if they are small. */
export const wildTar: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(rawEntry, { maxLength: 6 }), rawEntry, size(1800), fc.boolean())
  .map(([entries, repeated, times, hasEnd]) => {
    const small = { ...repeated, content: repeated.content?.subarray(0, 100) ?? Buffer.alloc(0) };
    const many = Array.from({ length: times }, (_, n) => ({ ...small, name: `${small.name.slice(0, 60)}${n}` }));
    return rawTar([...entries, ...many], hasEnd);
  });
