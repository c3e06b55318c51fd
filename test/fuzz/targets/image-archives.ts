import fc from 'fast-check';
import { ArchiveError } from '../../../src/lib/images/archive/archive-error.js';
import { rewriteImageTar } from '../../../src/lib/images/archive/rewrite-image-tar.js';
import { allowing, expect } from '../expect.js';
import { chunkBytes, chunksOf, mutated } from '../inputs/bytes.js';
import {
  dockerImage,
  legacyLayers,
  linkedLayers,
  ociImage,
  rawTar,
  tangledOci,
  wildTar,
} from '../inputs/image-archives.js';
import type { DescribedImage } from '../inputs/image-archives.js';
import { pureTarget } from '../target.js';
import type { Target } from '../target.js';

const LOCAL_NAME = `${'0'.repeat(32)}:latest`;
/** The engine gets back what came in, apart from headers and a manifest with the names of the layers in it. */
const MAX_GROWTH = 8;
const MAX_OVERHEAD_BYTES = 64 * 1024;

async function rewritten(archive: Buffer, step: number): Promise<readonly Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of rewriteImageTar(chunksOf(archive, step), LOCAL_NAME, new Map())) pieces.push(piece);
  return pieces;
}

const image = fc.oneof(dockerImage, ociImage);

const archive = pureTarget({
  name: 'image-archive',
  about: 'archives of images, docker and OCI, damaged or made up',
  inputs: fc.record({
    bytes: fc.oneof(
      { weight: 4, arbitrary: mutated(image.map(({ entries }) => rawTar(entries))) },
      { weight: 2, arbitrary: wildTar },
      { weight: 1, arbitrary: mutated(wildTar) },
      { weight: 1, arbitrary: tangledOci },
      { weight: 1, arbitrary: linkedLayers },
      { weight: 1, arbitrary: mutated(legacyLayers) },
    ),
    step: chunkBytes,
  }),
  attempt: async ({ bytes, step }) => {
    const pieces = await allowing([ArchiveError], () => rewritten(bytes, step));
    const total = (pieces ?? []).reduce((sum, piece) => sum + piece.length, 0);
    expect(total <= MAX_GROWTH * bytes.length + MAX_OVERHEAD_BYTES, `${bytes.length} bytes became ${total}`);
  },
});

/** The name and the content of each entry, as far as plain headers say it. */
function filesOf(tar: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const [name = ''] = tar.toString('utf8', at, at + 100).split('\0');
    const bytes = parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    files.set(name, tar.subarray(at + 512, at + 512 + bytes));
    at += 512 + 512 * Math.ceil(bytes / 512);
  }
  return files;
}

function expectSameImage(tar: Buffer, { entries, config, layers }: DescribedImage): void {
  const files = filesOf(tar);
  const [item] = JSON.parse(files.get('manifest.json')?.toString() ?? '[]') as readonly Record<string, unknown>[];
  const wanted = { Config: config, RepoTags: [LOCAL_NAME], Layers: layers };
  expect(JSON.stringify(item) === JSON.stringify(wanted), `the image is another one: ${JSON.stringify(item)}`);
  for (const name of [config, ...layers]) {
    const original = entries.find((entry) => entry.name === name)?.content ?? Buffer.alloc(0);
    expect(files.get(name)?.equals(original) ?? false, `${name} has other content`);
  }
}

const goodArchive = pureTarget({
  name: 'good-image-archive',
  about: 'archives of images as programs make them: they are taken, and stay the same image',
  inputs: fc.record({ described: image, step: chunkBytes }),
  attempt: async ({ described, step }) => {
    expectSameImage(Buffer.concat(await rewritten(rawTar(described.entries), step)), described);
  },
});

export const IMAGE_ARCHIVES: readonly Target[] = [archive, goodArchive];
