import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** A file that does not change while it is staged or sent: by its path, which must not be a link, or already open. */
export type FileSource = { readonly filePath: string } | { readonly handle: FileHandle };

const PIECE_BYTES = 64 * 1024;
export const READ_NO_FOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW;

/** Returns the size in bytes. */
export async function sizeOf(source: FileSource): Promise<number> {
  if ('handle' in source) return (await source.handle.stat()).size;
  const handle = await open(source.filePath, READ_NO_FOLLOW);
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

/** Returns the file from its beginning, or its first `length` bytes; may be called repeatedly. */
export function readFile(source: FileSource, length = Infinity): Readable {
  const content = 'handle' in source ? pieces(source.handle, length) : piecesOf(source.filePath, length);
  return Readable.from(content, { objectMode: false, highWaterMark: PIECE_BYTES });
}

async function* piecesOf(filePath: string, length: number): AsyncGenerator<Buffer> {
  const handle = await open(filePath, READ_NO_FOLLOW);
  try {
    yield* pieces(handle, length);
  } finally {
    await handle.close();
  }
}

/** Yields pieces without the handle's own streams, which would close it. */
async function* pieces(handle: FileHandle, length: number): AsyncGenerator<Buffer> {
  for (let position = 0; position < length;) {
    const wanted = Math.min(PIECE_BYTES, length - position);
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
