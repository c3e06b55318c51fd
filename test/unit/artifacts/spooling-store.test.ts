import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { MEMORY_BYTES, SpoolingStore } from '../../../src/lib/artifacts/spooling-store.js';

describe('SpoolingStore', () => {
  let directory: string;
  let store: SpoolingStore;
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'spooling-store-'));
    store = new SpoolingStore(path.join(directory, 'content'));
  });
  afterEach(async () => {
    await store.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  /** Those below `directory`, also when they are deleted. */
  async function filesOpen(): Promise<string[]> {
    const descriptors = await readdir('/proc/self/fd');
    const files = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return files.filter((file) => file.startsWith(directory));
  }

  it('keeps short content in memory and longer content in a file', async () => {
    store.write('a'.repeat(MEMORY_BYTES));
    assert.deepEqual(await readdir(directory), []);
    store.end('b');
    await once(store, 'finish');
    assert.deepEqual(await readdir(directory), ['content']);
    const body = store.body();
    assert.ok(!Buffer.isBuffer(body));
    assert.equal(await text(body), `${'a'.repeat(MEMORY_BYTES)}b`);
  });

  it('uses no disk space for zeros, wherever they are', async () => {
    const content = Buffer.alloc(40 * MEMORY_BYTES);
    content.write('begin');
    content.write('middle', 20 * MEMORY_BYTES);
    const following = buffer(store.follow(content.length));
    await pipeline(Readable.from([content.subarray(0, 1), content.subarray(1)]), store);
    const { size, blocks } = await stat(path.join(directory, 'content'));
    assert.equal(size, content.length);
    assert.ok(blocks * 512 <= 4 * MEMORY_BYTES, `${blocks} blocks`);
    assert.ok((await following).equals(content));
    assert.ok((await buffer(store.body() as Readable)).equals(content));
  });

  describe('followed while it is written', () => {
    const PIECE = 300_000;
    const content = randomBytes(12 * PIECE);

    async function write(from: number, to: number): Promise<void> {
      for (let n = from; n < to; n += 1) {
        const piece = content.subarray(n * PIECE, (n + 1) * PIECE);
        await new Promise<void>((resolve, reject) => {
          store.write(piece, (error) => {
            if (error) reject(error);
            else resolve();
          });
        });
      }
    }

    it('yields everything to a reader that keeps up, one that comes later, and one that pauses', async () => {
      const early = buffer(store.follow(content.length));
      const slow = store.follow(content.length)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      await write(0, 5);
      const begun = ((await slow.next()) as IteratorYieldResult<Buffer>).value;
      await write(5, 9);
      const late = buffer(store.follow(content.length));
      await write(9, 12);
      store.end();
      await once(store, 'finish');
      const afterwards = buffer(store.follow(content.length));
      const rest = await buffer(Readable.from({ [Symbol.asyncIterator]: () => slow }));
      for (const got of [await early, await late, await afterwards, Buffer.concat([begun, rest])]) {
        assert.ok(got.equals(content));
      }
    });

    it('yields no more than requested', async () => {
      const some = buffer(store.follow(5 * PIECE + 1));
      await write(0, 12);
      assert.ok((await some).equals(content.subarray(0, 5 * PIECE + 1)));
    });

    it('does not open the file for a reader that keeps up', async () => {
      // One byte more than comes: a reader that has all closes its file.
      const reader = store.follow(content.length + 1)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const got: Buffer[] = [];
      for (let n = 0; n < 12; n += 1) {
        await write(n, n + 1);
        while (n >= 3 && Buffer.concat(got).length < (n + 1) * PIECE) {
          got.push(((await reader.next()) as IteratorYieldResult<Buffer>).value);
        }
      }
      assert.equal((await filesOpen()).length, 1);
      assert.ok(Buffer.concat(got).equals(content));
      await reader.return?.();
    });

    for (const end of ['destroy', 'end'] as const) {
      it(`rejects its waiting reader if no more will come: ${end}`, async () => {
        const reading = buffer(store.follow(content.length));
        await write(0, 6);
        store[end]();
        await assert.rejects(reading, /shorter/);
      });
    }

    it('rejects its waiting reader with its own error', async () => {
      const reading = buffer(store.follow(content.length));
      await write(0, 6);
      store.on('error', () => undefined);
      store.destroy(new Error('the source broke off'));
      await assert.rejects(reading, /the source broke off/);
    });
  });

  for (const end of ['destroyed', 'disposed'] as const) {
    it(`leaves no file, and none open, if it is ${end} while it opens its file`, async () => {
      store.write(Buffer.alloc(MEMORY_BYTES + 1));
      if (end === 'destroyed') {
        store.destroy();
        await once(store, 'close');
      }
      await store.dispose();
      assert.deepEqual(await readdir(directory), []);
      assert.deepEqual(await filesOpen(), []);
    });
  }
});
