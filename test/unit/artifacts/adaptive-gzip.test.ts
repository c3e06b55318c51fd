import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { AdaptiveGzip, SAMPLE_BYTES } from '../../../src/lib/artifacts/adaptive-gzip.js';

const KiB = 1024;
const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'the quick brown fox jumps over the lazy dog\n');

describe('AdaptiveGzip', () => {
  const through = async (content: Buffer, pieceBytes = 10_007) => {
    const pieces = Array.from({ length: Math.ceil(content.length / pieceBytes) }, (_, i) =>
      content.subarray(i * pieceBytes, (i + 1) * pieceBytes),
    );
    const gzip = new AdaptiveGzip();
    const [stored] = await Promise.all([buffer(gzip), pipeline(Readable.from(pieces), gzip)]);
    const { contentEncoding } = gzip;
    const restored = contentEncoding === 'gzip' ? gunzipSync(stored) : stored;
    assert.ok(restored.equals(content), 'the content was changed');
    return { contentEncoding, length: stored.length };
  };

  for (const [what, content, encoding] of [
    ['nothing', Buffer.alloc(0), 'gzip'],
    ['little, whatever it is', randomBytes(10 * KiB), 'gzip'],
    ['text', text(100 * KiB), 'gzip'],
    ['text longer than the sample', text(3000 * KiB), 'gzip'],
    ['exactly the sample', text(SAMPLE_BYTES), 'gzip'],
    ['noise', randomBytes(20 * KiB), 'identity'],
    ['noise longer than the sample', randomBytes(3000 * KiB), 'identity'],
    ['exactly a sample of noise', randomBytes(SAMPLE_BYTES), 'identity'],
    ['a compressed file', gzipSync(randomBytes(400 * KiB)), 'identity'],
    ['base64, which is a quarter air', Buffer.from(randomBytes(300 * KiB).toString('base64')), 'gzip'],
  ] as const) {
    it(`preserves ${what}, and chooses ${encoding} for it`, async () => {
      assert.equal((await through(content)).contentEncoding, encoding);
      assert.equal((await through(content, 1024 * KiB)).contentEncoding, encoding);
    });
  }

  it('compresses content that is worth it', async () => {
    assert.ok((await through(text(3000 * KiB))).length < 30 * KiB);
  });

  it('accepts no more input than its reader reads', async () => {
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < 1000; i++) {
          taken++;
          yield randomBytes(64 * KiB);
        }
      })(),
    );
    const gzip = source.pipe(new AdaptiveGzip());
    await new Promise((resolve) => gzip.once('readable', resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(taken < 30, `${taken} pieces were read ahead`);
    gzip.destroy();
    source.destroy();
  });
});
