import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ChunkReader } from '../../../../src/lib/images/archive/chunk-reader.js';
import { BLOCK, fileHeader } from '../../../../src/lib/images/archive/tar-header.js';
import { MetadataBudget, TarReader } from '../../../../src/lib/images/archive/tar-reader.js';

const TYPE = 156;
const CHECKSUM = 148;
const content = Buffer.alloc(BLOCK, 'c');

/** A header with this type, the size of `content`, and a right checksum. */
function header(name: string, type: string): Buffer {
  const block = fileHeader(name, content.length);
  block.write(type, TYPE, 'latin1');
  block.fill(' ', CHECKSUM, CHECKSUM + 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
  return block;
}

/** The kinds and names in an archive of these blocks, contents skipped. */
async function listing(...blocks: readonly Buffer[]): Promise<readonly string[]> {
  const chunks = new ChunkReader(Readable.from([Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])]));
  const reader = new TarReader(chunks, new MetadataBudget());
  const found: string[] = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    found.push(`${entry.kind} ${entry.name}`);
    await reader.content(entry.bytes);
  }
  return found;
}

// Like docker, as checked with `docker cp`: the next header must be found where docker finds it.
describe('TarReader', () => {
  for (const [what, name, type, kind] of [
    ['a directory', 'd/', '5', 'directory'],
    ['a hard link', 'l', '1', 'link'],
    ['a symbolic link', 'l', '2', 'symlink'],
    ['a directory of the oldest format', 'd/', '\0', 'directory'],
  ] as const) {
    it(`reads no content for ${what}, whatever its size`, async () => {
      assert.deepEqual(await listing(header(name, type), header('after', '0'), content), [
        `${kind} ${name}`,
        'file after',
      ]);
    });
  }

  it('reads the content of a file whose name ends with a slash', async () => {
    const blocks = [header('f/', '0'), content, header('after', '0'), content];
    assert.deepEqual(await listing(...blocks), ['file f/', 'file after']);
  });
});
