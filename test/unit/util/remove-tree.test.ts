import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../../src/lib/util/remove-tree.js';

describe('removeTree', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'tree-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  for (const isUrgent of [true, false]) {
    it(`${isUrgent ? 'at once' : 'at low priority'} leaves what links in it lead to, and what is beside it`, async () => {
      await mkdir(join(root, 'tree/sub'), { recursive: true });
      await mkdir(join(root, 'other'));
      await writeFile(join(root, 'other/file'), 'x');
      await symlink(join(root, 'other'), join(root, 'tree/sub/link'));
      await removeTree(join(root, 'tree'), { isUrgent });
      assert.deepEqual(await readdir(root), ['other']);
      assert.deepEqual(await readdir(join(root, 'other')), ['file']);
    });
  }

  it('does nothing when there is no tree', async () => {
    await removeTree(join(root, 'nothing'), { isUrgent: false });
  });

  it('names what is left when permission is missing', async () => {
    const message = /^\/proc\/self\/status could not be fully deleted: rm ended with 1, permission denied$/;
    await assert.rejects(removeTree('/proc/self/status'), { name: 'TreeDenied', message });
    const refused = { name: 'Error', message: /\/\. could not be fully deleted: rm ended with 1$/ };
    await assert.rejects(removeTree(`${root}/.`), refused);
  });

  it('stops when the signal aborts', async () => {
    const stop = new AbortController();
    const removed = removeTree(join(root, 'tree'), { signal: stop.signal });
    stop.abort();
    await assert.rejects(removed, { name: 'AbortError' });
  });
});
