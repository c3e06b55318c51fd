import type { FileHandle } from 'node:fs/promises';

/** Linux takes at most 1024 buffers in one writev (IOV_MAX). */
const MAX_BUFFERS = 1024;

/** Appends all of `buffers`; `onWritten` hears of every part that is in the file. Fails with the error of the system. */
export async function appendAll(
  file: FileHandle,
  buffers: readonly Buffer[],
  onWritten: (bytes: number) => void,
): Promise<void> {
  for (let first = 0; first < buffers.length; first += MAX_BUFFERS) {
    let rest = buffers.slice(first, first + MAX_BUFFERS);
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest);
      onWritten(bytesWritten);
      rest = withoutBytes(rest, bytesWritten);
    }
  }
}

/** What is left to write: the system may take less than it was given when the disk is nearly full. */
function withoutBytes(buffers: Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip > 0 ? buffer.subarray(skip) : buffer);
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
