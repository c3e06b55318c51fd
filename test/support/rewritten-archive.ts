import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ArchiveError } from '../../src/lib/images/archive/archive-error.js';
import { rewriteImageTar } from '../../src/lib/images/archive/rewrite-image-tar.js';
import { tarOf } from './image-archive.js';
import type { TarFile } from './image-archive.js';
import { entriesOf } from './tar-entries.js';

/** The name that images of rewritten archives have. */
export const LOCAL = '0123456789abcdef0123456789abcdef:latest';

/** The archive cut into chunks of `chunkBytes`. */
export async function* chunksOf(archive: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += chunkBytes) {
    yield await Promise.resolve(archive.subarray(at, at + chunkBytes));
  }
}

export function rewritten(archive: Buffer, chunkBytes = 65_536, layerHashes?: Map<string, string>): Promise<Buffer> {
  return buffer(Readable.from(rewriteImageTar(chunksOf(archive, chunkBytes), LOCAL, layerHashes)));
}

export async function filesOf(archive: Buffer): Promise<Record<string, string>> {
  return await entriesOf(Readable.from([archive]));
}

export async function manifestIn(archive: Buffer): Promise<unknown> {
  const { 'manifest.json': text = '' } = await filesOf(archive);
  return JSON.parse(text);
}

/** Checks that an archive of these files is refused in these words. */
export async function refused(files: readonly TarFile[], words: RegExp): Promise<void> {
  await refusedBytes(await tarOf(files), words);
}

export async function refusedBytes(archive: Buffer, words: RegExp): Promise<void> {
  await assert.rejects(rewritten(archive, undefined, new Map()), (error) => {
    assert.ok(error instanceof ArchiveError, String(error));
    assert.match(error.message, words);
    return true;
  });
}
