import { strict as assert } from 'node:assert';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { TempDir } from '../../../src/lib/util/temp-dir.js';

describe('a temporary directory', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'temp-dir-'));
  });

  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  it('is new, named as asked, private, below a parent that is made', async () => {
    const parent = join(root, 'not', 'yet');
    const one = await TempDir.create(parent, 'run-');
    const two = await TempDir.create(parent, 'run-');
    assert.notEqual(one.path, two.path);
    assert.ok(basename(one.path).startsWith('run-'));
    assert.equal((await stat(one.path)).mode & 0o777, 0o700);
    assert.equal((await stat(parent)).mode & 0o777, 0o700);
  });

  it('is deleted with its content, and can be deleted twice', async () => {
    const directory = await TempDir.create(root, 'run-');
    await mkdir(join(directory.path, 'deep', 'down'), { recursive: true });
    await writeFile(join(directory.path, 'deep', 'down', 'file'), 'x');
    await directory.dispose();
    await directory.dispose();
    assert.deepEqual(await readdir(root), []);
  });
});
