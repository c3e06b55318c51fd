import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '../../../src/lib/util/make-directory.js';

describe('makeDirectory', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'make-directory-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('makes missing parents with the mode, and does nothing when the directory exists', async () => {
    const path = join(root, 'a', 'b', 'c');
    await makeDirectory(path, 0o700);
    await makeDirectory(path);
    assert.equal((await stat(join(root, 'a'))).mode & 0o777, 0o700);
    await symlink(path, join(root, 'link'));
    await makeDirectory(join(root, 'link'));
  });

  it('fails where no directory can be made', async () => {
    await writeFile(join(root, 'file'), '');
    await symlink(join(root, 'nowhere'), join(root, 'dangling'));
    await assert.rejects(makeDirectory(join(root, 'file')), /EEXIST/);
    await assert.rejects(makeDirectory(join(root, 'file', 'a', 'b')), /ENOTDIR/);
    await assert.rejects(makeDirectory(join(root, 'dangling')), /EEXIST/);
    await assert.rejects(makeDirectory('/proc/a/b'), /ENOENT/);
  });
});
