import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { extract } from 'tar-stream';

/** The files of a tar, by name. */
export async function entriesOf(tar: Readable): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  const reader = extract();
  tar.on('error', (error) => {
    reader.destroy(error);
  });
  tar.pipe(reader);
  for await (const entry of reader) {
    const content = await text(entry);
    if (entry.header.type === 'file') entries[entry.header.name] = content;
  }
  return entries;
}
