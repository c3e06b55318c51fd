import type { FileHandle } from 'node:fs/promises';

/** Linux accepts at most 1024 buffers per writev (IOV_MAX). */
const MAX_BUFFERS = 1024;

/** Appends all of `buffers`; calls `onWritten` for every part written. Throws file system errors. */
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

/** Returns what is left to write: the system may write less than requested when the disk is nearly full. */
function withoutBytes(buffers: Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip > 0 ? buffer.subarray(skip) : buffer);
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
