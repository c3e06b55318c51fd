import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type { TarEntry } from '../../../src/lib/artifacts/extract-tar.js';
import { relativeName, tarEntries } from '../../../src/lib/artifacts/extract-tar.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { chunked, tarOf } from '../../fakes/fake-containers.js';

const never = new AbortController().signal;

/** Reads everything; files as `name=content`. */
async function listing(archive: Readable): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const entry of tarEntries(archive, never)) {
    found.push(entry.kind === 'file' ? `${entry.name}=${await text(streamOf(entry))}` : `${entry.kind} ${entry.name}`);
  }
  return found;
}

/** Small files come as Buffers. */
const streamOf = ({ content }: TarEntry & { readonly kind: 'file' }): Readable =>
  Buffer.isBuffer(content) ? Readable.from([content]) : content;

describe('tarEntries', () => {
  it('yields files with their content, and the kind of other entries', async () => {
    const tar = await tarOf([
      { name: 'dir/', type: 'directory' },
      { name: 'dir/a', content: 'A' },
      { name: 'dir/empty' },
      { name: 'dir/link', type: 'symlink' },
      { name: 'dir/hard', type: 'link' },
      { name: 'dir/null', type: 'character-device' },
      { name: 'dir/pipe', type: 'fifo' },
      { name: `dir/${'long/'.repeat(60)}b`, content: 'B' },
    ]);
    assert.deepEqual(await listing(chunked(tar, 100)), [
      'directory dir/',
      'dir/a=A',
      'dir/empty=',
      'symlink dir/link',
      'hard link dir/hard',
      'device or socket dir/null',
      'device or socket dir/pipe',
      `dir/${'long/'.repeat(60)}b=B`,
    ]);
  });

  it('skips content that is not read, or not to its end', async () => {
    const tar = await tarOf([
      { name: 'unread', content: randomBytes(500_000) },
      { name: 'half', content: randomBytes(500_000) },
      { name: 'last', content: 'whole' },
    ]);
    const contents: string[] = [];
    for await (const entry of tarEntries(chunked(tar), never)) {
      assert.equal(entry.kind, 'file');
      if (entry.name === 'half') {
        await once(streamOf(entry), 'data');
        streamOf(entry).destroy();
      }
      if (entry.name === 'last') contents.push(await text(streamOf(entry)));
    }
    assert.deepEqual(contents, ['whole']);
  });

  it('does not yield the next entry while the last one is being read', async () => {
    const content = randomBytes(700_000);
    const tar = await tarOf([
      { name: 'a', content },
      { name: 'b', content: 'B' },
    ]);
    const reading: Promise<Buffer>[] = [];
    for await (const entry of tarEntries(chunked(tar), never)) {
      if (entry.kind === 'file') reading.push(buffer(streamOf(entry)));
    }
    const [a, b] = await Promise.all(reading);
    assert.ok(a && content.equals(a));
    assert.equal(b?.toString(), 'B');
  });

  it('reads no further than its reader', async () => {
    const tar = await tarOf([{ name: 'big', content: Buffer.alloc(8_000_000) }]);
    let read = 0;
    const archive = Readable.from(
      (function* () {
        for (; read < tar.length; read += 10_000) yield tar.subarray(read, read + 10_000);
      })(),
      { objectMode: false },
    );
    for await (const entry of tarEntries(archive, never)) {
      if (entry.kind === 'file') await once(streamOf(entry), 'readable');
      assert.ok(read < 2_000_000, `${read} bytes were read ahead`);
      break;
    }
    assert.equal(archive.destroyed, true);
  });

  const isRetryable = (error: unknown): boolean => error instanceof DockerError && error.retryable;

  it('fails when a connection is cut, also in a file being read', async () => {
    const tar = await tarOf([
      { name: 'whole', content: 'W' },
      { name: 'half', content: Buffer.alloc(100_000) },
    ]);
    const archive = new PassThrough();
    archive.write(tar.subarray(0, 50_000));
    let half: Promise<Buffer> | undefined;
    const reading = (async () => {
      for await (const entry of tarEntries(archive, never)) {
        if (entry.kind !== 'file') continue;
        const content = buffer(streamOf(entry));
        content.catch(() => undefined);
        if (entry.name !== 'half') continue;
        half = content;
        archive.destroy(new Error('ECONNRESET'));
      }
    })();
    await assert.rejects(reading, isRetryable);
    assert.ok(half);
    await assert.rejects(half, isRetryable);
  });

  it('fails if the stream is closed early without an error', async () => {
    const tar = await tarOf([{ name: 'half', content: Buffer.alloc(100_000) }]);
    const archive = new PassThrough({ highWaterMark: 1024 });
    archive.write(tar.subarray(0, 50_000));
    const reading = listing(archive);
    reading.catch(() => undefined);
    await once(archive, 'drain');
    archive.destroy();
    await assert.rejects(reading, isRetryable);
  });

  it('never accepts a truncated tar, wherever it ends', async () => {
    const tar = await tarOf([
      { name: 'd/', type: 'directory' },
      { name: 'd/a', content: 'A'.repeat(700) },
      { name: 'd/b', content: 'B' },
    ]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: tar.length - 1 }), async (length) => {
        await assert.rejects(listing(chunked(tar.subarray(0, length))), isRetryable);
      }),
      { numRuns: 300, examples: [[0], [512], [2048], [tar.length - 1024], [tar.length - 512]] },
    );
  });

  it('ends with the archive, whatever its content, and reads the rest of the stream', async () => {
    const tars = await Promise.all([
      tarOf([]),
      tarOf([{ name: 'a', content: 'A' }]),
      tarOf([{ name: 'zeros', content: Buffer.alloc(200_000) }]),
      tarOf([{ name: 'noise', content: randomBytes(200_000) }]),
      tarOf([{ name: `${'long/'.repeat(60)}b`, content: 'B' }]),
      tarOf([{ name: 'd/', type: 'directory' }]),
      tarOf([
        { name: 'd/a', content: 'A' },
        { name: 'd/link', type: 'symlink' },
      ]),
    ]);
    for (const tar of tars) {
      for (const pieceBytes of [100, 512, 1000, 32_768, 1_000_000]) {
        const archive = new PassThrough({ highWaterMark: 10_000_000 });
        for (let at = 0; at < tar.length; at += pieceBytes) archive.write(tar.subarray(at, at + pieceBytes));
        await listing(archive);
        archive.end();
        await once(archive, 'end');
      }
    }
  });

  it('accepts more zeros than necessary at the end', async () => {
    const tar = await tarOf([{ name: 'a', content: 'A' }]);
    const padded = Buffer.concat([tar, Buffer.alloc(9 * 1024)]);
    for (const pieceBytes of [100, 1024, 100_000])
      assert.deepEqual(await listing(chunked(padded, pieceBytes)), ['a=A']);
    for (const pieceBytes of [100, 2100, 5000]) {
      const slowly = async function* () {
        for (let at = 0; at < padded.length; at += pieceBytes) {
          yield padded.subarray(at, at + pieceBytes);
          await setImmediate();
        }
      };
      assert.deepEqual(await listing(Readable.from(slowly(), { objectMode: false })), ['a=A']);
    }
  });

  it('does not mistake the zeros of a file for the end', async () => {
    const tar = await tarOf([{ name: 'a', content: Buffer.alloc(200_000) }]);
    await assert.rejects(listing(chunked(tar.subarray(0, tar.length - 1024))), isRetryable);
    await assert.rejects(listing(chunked(tar.subarray(0, 100_000))), isRetryable);
  });

  it('ignores failures of the stream after the end', async () => {
    const tar = await tarOf([{ name: 'a', content: 'A' }]);
    const archive = new PassThrough();
    archive.write(tar);
    assert.deepEqual(await listing(archive), ['a=A']);
    const closed = new Promise((resolve) => archive.once('close', resolve));
    archive.destroy(new Error('ECONNRESET'));
    await closed;
  });

  it('ends for any bytes, with or without an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (bytes) => {
        await listing(chunked(Buffer.from(bytes), 300)).catch((error: unknown) => {
          assert.ok(isRetryable(error));
        });
      }),
    );
  });

  it('ends for a tar with wrong bytes, with or without an error', async () => {
    const tar = await tarOf([
      { name: `d/${'x'.repeat(200)}`, content: 'A'.repeat(700) },
      { name: 'd/b', content: 'B' },
    ]);
    const change = fc.record({ at: fc.integer({ min: 0, max: tar.length - 1 }), to: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const broken = Buffer.from(tar);
        for (const { at, to } of changes) broken[at] = to;
        await listing(chunked(broken)).catch((error: unknown) => {
          assert.ok(isRetryable(error));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('throws the reason when stopped, also in a file being read', async () => {
    const tar = await tarOf([{ name: 'a', content: Buffer.alloc(1_000_000) }]);
    const archive = new PassThrough();
    archive.write(tar.subarray(0, 5000));
    const stop = new AbortController();
    const reason = new Error('stopped');
    const entries = tarEntries(archive, stop.signal);
    const { value } = await entries.next();
    assert.equal(value?.kind, 'file');
    const content = buffer(streamOf(value));
    const next = entries.next();
    stop.abort(reason);
    await assert.rejects(content, reason);
    await assert.rejects(next, reason);
  });

  it('throws the reason when stopped between the entries of a small archive', async () => {
    const archive = new PassThrough();
    archive.write(
      await tarOf([
        { name: 'a', content: 'A' },
        { name: 'b', content: 'B' },
      ]),
    );
    const stop = new AbortController();
    const reason = new Error('stopped');
    const entries = tarEntries(archive, stop.signal);
    await entries.next();
    await setImmediate();
    stop.abort(reason);
    await assert.rejects(entries.next(), reason);
  });

  it('throws the reason when stopped after the whole archive has arrived', async () => {
    for (const size of [70_000, 100_000, 150_000, 300_000]) {
      const archive = new PassThrough({ highWaterMark: 10_000_000 });
      archive.write(await tarOf([{ name: 'a', content: Buffer.alloc(size, 'A') }]));
      const stop = new AbortController();
      const reason = new Error('stopped');
      const entries = tarEntries(archive, stop.signal);
      const { value } = await entries.next();
      assert.equal(value?.kind, 'file');
      await once(streamOf(value), 'readable');
      const next = entries.next();
      stop.abort(reason);
      await assert.rejects(next, reason);
    }
  });
});

describe('relativeName', () => {
  it('returns the path below the directory, however it is spelled', () => {
    assert.equal(relativeName('build/a/b', 'build/'), 'a/b');
    assert.equal(relativeName('build/a', 'build'), 'a');
    assert.equal(relativeName('./a', './'), 'a');
    assert.equal(relativeName('/a', '/'), 'a');
    assert.equal(relativeName('a', ''), 'a');
  });

  it('returns undefined for names that are not below it, or could lead elsewhere', () => {
    for (const name of [
      'other/a',
      'build',
      'build/',
      'buildings/a',
      'build/../a',
      'build/a/../../b',
      'build//a',
      'build/./a',
    ]) {
      assert.equal(relativeName(name, 'build/'), undefined, name);
    }
    assert.equal(relativeName('/etc/passwd', ''), undefined);
    assert.equal(relativeName('build/a\0b', 'build/'), undefined);
  });

  it('never returns parts that are not plain names', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'build', '/');
    fc.assert(
      fc.property(fc.array(part), fc.constantFrom('', '/', './', 'build', 'build/'), (parts, root) => {
        const relative = relativeName(parts.join('/'), root);
        const isPlain = relative?.split('/').every((each) => each !== '' && each !== '.' && each !== '..');
        assert.ok(relative === undefined || isPlain);
      }),
    );
  });
});
