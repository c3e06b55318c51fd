import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
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

  it('keeps little in memory and more in a file', async () => {
    store.write('a'.repeat(MEMORY_BYTES));
    assert.deepEqual(await readdir(directory), []);
    store.end('b');
    await once(store, 'finish');
    assert.deepEqual(await readdir(directory), ['content']);
    const body = store.body();
    assert.ok(!Buffer.isBuffer(body));
    assert.equal(await text(body), `${'a'.repeat(MEMORY_BYTES)}b`);
  });

  for (const end of ['destroyed', 'disposed'] as const) {
    it(`leaves no file, and none open, when it is ${end} while it opens its file`, async () => {
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
