import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { ArchiveError } from '../../../../src/lib/images/archive/archive-error.js';
import {
  MissingProgramError,
  decodeContent,
  decompress,
  packingOf,
} from '../../../../src/lib/images/archive/decompress.js';
import type { Packing } from '../../../../src/lib/images/archive/decompress.js';
import { needsPrograms } from '../../../support/skip-because.js';
import { until } from '../../../support/until.js';

const PLAIN = Buffer.concat([randomBytes(300_000), Buffer.alloc(300_000, 'text ')]);
const run = (program: string, input: Buffer): Buffer => execFileSync(program, ['-qc'], { input, maxBuffer: 1e8 });
const PACKED: Readonly<Record<string, () => Buffer>> = {
  '.tar': () => PLAIN,
  '.tar.zst': () => run('zstd', PLAIN),
  '.tar.lz4': () => run('lz4', PLAIN),
  '.tar.gz': () => gzipSync(PLAIN),
  '.tgz': () => gzipSync(PLAIN),
};

async function* chunksOf(content: Buffer, end: () => void = () => undefined): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 10_000) yield await Promise.resolve(content.subarray(at, at + 10_000));
  end();
}

describe('unpacking an image archive', () => {
  before(function () {
    needsPrograms(this, 'zstd', 'lz4');
  });

  const { signal } = new AbortController();
  const packing = (extension: string): Packing => packingOf(`public/image${extension}`) ?? assert.fail(extension);
  const unpacked = (source: AsyncIterable<Buffer>, how: Packing | undefined, stop = signal): Promise<Buffer> =>
    buffer(Readable.from(decompress(source, how, stop)));

  it('chooses by the whole extension', () => {
    for (const path of ['image', 'tar', 'image.zip', 'image.tar.xz', 'image.zst', 'image.tar/x']) {
      assert.equal(packingOf(path), undefined, path);
    }
  });

  for (const [extension, pack] of Object.entries(PACKED)) {
    it(`yields what was packed: ${extension}`, async () => {
      assert.deepEqual(await unpacked(chunksOf(pack()), packing(extension)), PLAIN);
    });

    it(`fails as its source does: ${extension}`, async () => {
      const reason = new Error('the download failed');
      const fail = (): never => {
        throw reason;
      };
      // Half of it, and all of it: the program itself has nothing to complain about then.
      for (const content of [pack().subarray(0, 200_000), pack()]) {
        await assert.rejects(unpacked(chunksOf(content, fail), packing(extension)), (error) => error === reason);
      }
    });

    if (extension === '.tar') continue;
    it(`quotes the program’s message about damage: ${extension}`, async () => {
      const isDamage = (error: unknown): boolean =>
        error instanceof ArchiveError && /^(zstd|lz4|gzip) failed \(exit code \d+\): .+/.test(error.message);
      for (const content of [pack().subarray(0, 200_000), randomBytes(500_000)]) {
        await assert.rejects(unpacked(chunksOf(content), packing(extension)), isDamage);
      }
    });
  }

  for (const [extension, pack] of Object.entries(PACKED)) {
    it(`chooses by the content if the name has no known extension: ${extension}`, async () => {
      const content = pack();
      assert.deepEqual(await unpacked(chunksOf(content), undefined), PLAIN);
      // Even if the first chunks are single bytes.
      async function* bitByBit(): AsyncGenerator<Buffer> {
        for (let at = 0; at < 5; at += 1) yield content.subarray(at, at + 1);
        yield* chunksOf(content.subarray(5));
      }
      assert.deepEqual(await unpacked(bitByBit(), undefined), PLAIN);
    });
  }

  it('passes short and empty content through', async () => {
    for (const text of ['', 'abc']) {
      assert.equal(String(await unpacked(chunksOf(Buffer.from(text)), undefined)), text);
    }
  });

  it('unpacks zstd’s largest window', async () => {
    const packed = execFileSync('zstd', ['-qc', '--ultra', '--long=31', '-1'], { input: PLAIN, maxBuffer: 1e8 });
    assert.deepEqual(await unpacked(chunksOf(packed), packing('.tar.zst')), PLAIN);
  });

  it('names a program that is missing', async () => {
    const how: Packing = { command: ['no-such-program', '-dc'] };
    await assert.rejects(unpacked(chunksOf(PLAIN), how), (error) => {
      assert.ok(error instanceof MissingProgramError);
      assert.match(error.message, /the program no-such-program cannot be run/);
      return true;
    });
  });

  it('ends and kills its program when the signal aborts', async () => {
    const controller = new AbortController();
    const before = childProcesses();
    // A source that never sends anything.
    const never = new Readable({ read: () => undefined });
    const unpacking = unpacked(never, packing('.tar.zst'), controller.signal);
    controller.abort(new Error('enough'));
    never.destroy(new Error('aborted too'));
    await assert.rejects(unpacking);
    assert.deepEqual(childProcesses(), before);
  });

  it('kills its program when the reader stops', async () => {
    const before = childProcesses();
    const unpacking = decompress(chunksOf(PACKED['.tar.zst']?.() ?? assert.fail()), packing('.tar.zst'), signal);
    for await (const chunk of unpacking) {
      assert.ok(chunk.length > 0);
      break;
    }
    await until('the program has ended', childProcesses, { isDone: ({ length }) => length <= before.length });
  });
});

describe('a content encoding', () => {
  const decoded = (content: Buffer, encoding?: string): Promise<Buffer> =>
    buffer(Readable.from(decodeContent(chunksOf(content), encoding)));

  it('is decoded if it is gzip, and may be missing', async () => {
    assert.deepEqual(await decoded(gzipSync(PLAIN), 'gzip'), PLAIN);
    assert.deepEqual(await decoded(PLAIN), PLAIN);
  });

  it('throws an ArchiveError if it is damaged or unknown', async () => {
    for (const content of [gzipSync(PLAIN).subarray(0, 100_000), randomBytes(1000)]) {
      await assert.rejects(decoded(content, 'gzip'), (error) => {
        return error instanceof ArchiveError && error.message.startsWith('its gzip content encoding is damaged');
      });
    }
    await assert.rejects(decoded(PLAIN, 'br'), /content encoding "br"; the worker only supports gzip/);
  });

  it('fails as its source does', async () => {
    const reason = new Error('the download failed');
    const source = chunksOf(gzipSync(PLAIN).subarray(0, 100_000), () => {
      throw reason;
    });
    await assert.rejects(buffer(Readable.from(decodeContent(source, 'gzip'))), (error) => error === reason);
  });
});

/** The programs that unpack and are children of this process. */
function childProcesses(): readonly string[] {
  const isOurs = (pid: string): boolean => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.split(' ')[3] === String(process.pid) && /zstd|lz4|gzip/.test(readlinkSync(`/proc/${pid}/exe`));
    } catch {
      // It has ended meanwhile, or is a zombie without a program.
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(name));
}
