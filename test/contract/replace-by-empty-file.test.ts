import { strict as assert } from 'node:assert';
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINES } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `replace-contract-${process.pid}` };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a Docker engine that deletes files: ${name}`, () => {
    const { signal } = new AbortController();

    it('replaces a directory by an empty file without following links', async () => {
      const { engine } = makeEngine();
      const root = await mkdtemp(join(tmpdir(), 'replaced-'));
      try {
        await mkdir(join(root, 'tree/sub'), { recursive: true });
        await writeFile(join(root, 'beside'), 'x');
        await symlink(root, join(root, 'tree/sub/link'));
        await engine.replaceByEmptyFile(join(root, 'tree'), LABELS);
        assert.deepEqual((await readdir(root)).sort(), ['beside', 'tree']);
        assert.equal(await readFile(join(root, 'tree'), 'utf8'), '');
        await symlink(join(root, 'beside'), join(root, 'link'));
        await engine.replaceByEmptyFile(join(root, 'link'), LABELS);
        assert.equal((await lstat(join(root, 'link'))).isFile(), true);
        assert.equal(await readFile(join(root, 'beside'), 'utf8'), 'x');
        assert.deepEqual(await engine.findContainers(LABELS, signal), []);
      } finally {
        await rm(root, { recursive: true });
      }
    });
  });
}
