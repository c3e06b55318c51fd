import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { readStateFile, replaceStateFile } from '../../../src/lib/util/state-file.js';

describe('a state file', () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'state-file-'));
    path = join(directory, 'state.json');
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('returns undefined before the first write, then what was written last', async () => {
    assert.equal(await readStateFile(path), undefined);
    await replaceStateFile(path, 'a long first text');
    await replaceStateFile(path, 'second');
    assert.equal(await readStateFile(path), 'second');
    assert.deepEqual(await readdir(directory), ['state.json']);
  });

  it('is readable by its owner only', async () => {
    await replaceStateFile(path, 'text');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('keeps its content when a write dies half-way', async () => {
    await replaceStateFile(path, 'whole');
    await writeFile(`${path}.next`, 'a text that is longer than what');
    assert.equal(await readStateFile(path), 'whole');
    await replaceStateFile(path, 'next');
    assert.equal(await readStateFile(path), 'next');
  });

  it('leaves nothing when it could not be written', async () => {
    await mkdir(path);
    await assert.rejects(replaceStateFile(path, 'text'), { code: 'EISDIR' });
    assert.deepEqual(await readdir(directory), [basename(path)]);
  });

  it('refuses to be read or written through a link', async () => {
    const target = join(directory, 'target');
    await writeFile(target, 'of somebody else');
    await symlink(target, `${path}.next`);
    await symlink(target, path);
    await assert.rejects(replaceStateFile(path, 'text'), { code: 'ELOOP' });
    await assert.rejects(readStateFile(path), { code: 'ELOOP' });
    assert.equal(await readFile(target, 'utf8'), 'of somebody else');
  });

  it('does not block the reader when it is a pipe', async () => {
    await promisify(execFile)('mkfifo', [path]);
    assert.equal(await readStateFile(path), '');
  });
});
