import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { linesOf } from '../../../src/lib/docker/lines-of.js';

async function lines(...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const line of linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))))) found.push(line);
  return found;
}

describe('linesOf', () => {
  it('yields non-empty lines, however they are chunked', async () => {
    assert.deepEqual(await lines('one\n\n \ntwo\nthree'), ['one', 'two', 'three']);
    assert.deepEqual(await lines('o', 'n', 'e\nt', 'wo', '\n', '\n'), ['one', 'two']);
    assert.deepEqual(await lines('a\n', 'b\nc', '\nd\n'), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await lines(Buffer.from([0xc3]), Buffer.from([0xa9, 0x0a])), ['é']);
    assert.deepEqual(await lines(), []);
  });

  it('keeps the first MiB of an endless line, in linear time', async () => {
    const pieces = Array.from({ length: 100_000 }, () => 'x'.repeat(1000));
    const [long = '', after] = await lines(...pieces, '\nafter');
    assert.equal(long.length, 1024 * 1024);
    assert.equal(after, 'after');
  });
});
