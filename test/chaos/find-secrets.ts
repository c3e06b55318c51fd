import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';

// Half an upload that was cut off is looked at as far as it goes.
const AS_FAR_AS_IT_GOES = { finishFlush: constants.Z_SYNC_FLUSH };
const GZIP = Buffer.from([0x1f, 0x8b]);

/** The files, below `directory` or `directory` itself, that hold one of the texts, compressed or not. */
export async function filesWith(directory: string, texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    const text = content.subarray(0, GZIP.length).equals(GZIP) ? gunzipSync(content, AS_FAR_AS_IT_GOES) : content;
    if (texts.some((each) => text.includes(each))) found.push(path);
  }
  return found;
}
