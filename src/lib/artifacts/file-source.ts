import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** A file that nobody changes while it is staged or sent: by its path, where links are refused, or open already. */
export type FileSource = { readonly filePath: string } | { readonly handle: FileHandle };

export const READ_NO_FOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW;

/** In bytes. */
export async function sizeOf(source: FileSource): Promise<number> {
  if ('handle' in source) return (await source.handle.stat()).size;
  const handle = await open(source.filePath, READ_NO_FOLLOW);
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

/** The file from its beginning, or the first `length` bytes of it; may be called any number of times. */
export function readFile(source: FileSource, length?: number): Readable {
  if (length === 0) return Readable.from([]);
  if ('handle' in source) return Readable.from(pieces(source.handle, length ?? Infinity), { objectMode: false });
  const range = length === undefined ? { start: 0 } : { start: 0, end: length - 1 };
  // Its types do not say it, but flags may be a number as everywhere in node:fs.
  return createReadStream(source.filePath, { flags: READ_NO_FOLLOW as unknown as string, ...range });
}

/** A handle's own streams would close it with them. */
async function* pieces(handle: FileHandle, length: number): AsyncGenerator<Buffer> {
  for (let position = 0; position < length;) {
    const wanted = Math.min(PIECE_BYTES, length - position);
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const PIECE_BYTES = 64 * 1024;
