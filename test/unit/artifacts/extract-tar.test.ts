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
  it('gives files with their content, and says what else there is', async () => {
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

  it('skips what nobody reads, or not to its end', async () => {
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

  it('waits with the next entry for whoever still reads the last', async () => {
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

  it('fails where a connection is cut, also for whoever reads a file then', async () => {
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

  it('fails for a stream that is closed without a word', async () => {
    const tar = await tarOf([{ name: 'half', content: Buffer.alloc(100_000) }]);
    const archive = new PassThrough({ highWaterMark: 1024 });
    archive.write(tar.subarray(0, 50_000));
    const reading = listing(archive);
    reading.catch(() => undefined);
    await once(archive, 'drain');
    archive.destroy();
    await assert.rejects(reading, isRetryable);
  });

  it('never takes a tar for whole that ends early, wherever that is', async () => {
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

  it('ends with the archive, whatever is in it, and reads on to the end of the stream', async () => {
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

  it('takes more zeros than there need to be for the end', async () => {
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

  it('does not take the zeros of a file for the end', async () => {
    const tar = await tarOf([{ name: 'a', content: Buffer.alloc(200_000) }]);
    await assert.rejects(listing(chunked(tar.subarray(0, tar.length - 1024))), isRetryable);
    await assert.rejects(listing(chunked(tar.subarray(0, 100_000))), isRetryable);
  });

  it('does not mind what becomes of the stream after the end', async () => {
    const tar = await tarOf([{ name: 'a', content: 'A' }]);
    const archive = new PassThrough();
    archive.write(tar);
    assert.deepEqual(await listing(archive), ['a=A']);
    const closed = new Promise((resolve) => archive.once('close', resolve));
    archive.destroy(new Error('ECONNRESET'));
    await closed;
  });

  it('ends, one way or the other, for any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (bytes) => {
        await listing(chunked(Buffer.from(bytes), 300)).catch((error: unknown) => {
          assert.ok(isRetryable(error));
        });
      }),
    );
  });

  it('ends, one way or the other, for a tar with wrong bytes in it', async () => {
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

  it('ends with the reason when it is stopped, also for whoever reads a file then', async () => {
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

  it('ends with the reason when it is stopped between the entries of a small archive', async () => {
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

  it('ends with the reason when it is stopped with an archive that is there as a whole', async () => {
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
  it('is the path below the directory, however that is spelled', () => {
    assert.equal(relativeName('build/a/b', 'build/'), 'a/b');
    assert.equal(relativeName('build/a', 'build'), 'a');
    assert.equal(relativeName('./a', './'), 'a');
    assert.equal(relativeName('/a', '/'), 'a');
    assert.equal(relativeName('a', ''), 'a');
  });

  it('is nothing for names that are not below it, or could lead astray', () => {
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

  it('never has parts that mean anything but a name', () => {
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
