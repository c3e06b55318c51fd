import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { findDisplayTools } from '../../../../src/lib/features/interactive/display-tools.js';
import { displayTools, removeDisplayTools } from './display-tools-fixture.js';

describe('the directory of the programs for displays', () => {
  afterEach(removeDisplayTools);

  it('is found, through links', async () => {
    const directory = await displayTools({ x11vnc: 0o755, 'list-displays': 0o555 });
    const link = join(await displayTools({}), 'link');
    await symlink(directory, link);
    assert.equal(await findDisplayTools(link), directory);
  });

  it('need not be there', async () => {
    assert.equal(await findDisplayTools(join(await displayTools({}), 'nothing')), undefined);
  });

  it('has to hold two programs, and a path that can be mounted', async () => {
    const withDirectory = await displayTools({ x11vnc: 0o755 });
    await mkdir(join(withDirectory, 'list-displays'));
    const withColon = join(await displayTools({}), 'a:b');
    await mkdir(withColon);
    for (const [directory, reason] of [
      [await displayTools({}), /interactive\.displayPath: \/.*: ENOENT.*\/x11vnc/],
      [await displayTools({ x11vnc: 0o755 }), /ENOENT.*\/list-displays'\. It has to hold the programs/],
      [withDirectory, /list-displays is not a file/],
      [withColon, /its path has a colon/],
      [join(await displayTools({ file: 0o644 }), 'file'), /ENOTDIR/],
    ] as const) {
      await assert.rejects(findDisplayTools(directory), reason);
    }
  });

  it('has to hold programs that may be run', async () => {
    const directory = await displayTools({ x11vnc: 0o644, 'list-displays': 0o755 });
    await assert.rejects(findDisplayTools(directory), /EACCES/);
  });
});
