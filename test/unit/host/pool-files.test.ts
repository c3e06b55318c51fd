import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { checkPoolFiles, writePoolFiles } from '../../../src/lib/host/pool-files.js';
import { zipEntries } from '../../../src/lib/host/zip-entries.js';

/** Made by Python's zipfile: etc/ (0750), etc/hello.txt (0640, deflated), run.sh (set-user-ID, 0755), dos.txt (of DOS). */
const ARCHIVE =
  'UEsDBBQAAAAAAAAAIVwAAAAAAAAAAAAAAAAEAAAAZXRjL1BLAwQUAAAACAAAACFcwUhCWQwAAAAsAQAADQAAAGV0Yy9oZWxsby50eHTLSM3JyVfIGCWJ' +
  'IAFQSwMEFAAAAAAAAAAhXB2d+wQKAAAACgAAAAYAAABydW4uc2gjIS9iaW4vc2gKUEsDBBQAAAAAAAAAIVyfgBnKBQAAAAUAAAAHAAAAZG9zLnR4dGRv' +
  'cw0KUEsBAhQDFAAAAAAAAAAhXAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAQAOhBAAAAAGV0Yy9QSwECFAMUAAAACAAAACFcwUhCWQwAAAAsAQAADQAAAAAA' +
  'AAAAAAAAoIEiAAAAZXRjL2hlbGxvLnR4dFBLAQIUAxQAAAAAAAAAIVwdnfsECgAAAAoAAAAGAAAAAAAAAAAAAADtiVkAAABydW4uc2hQSwECFAAUAAAA' +
  'AAAAACFcn4AZygUAAAAFAAAABwAAAAAAAAAAAAAAgAGHAAAAZG9zLnR4dFBLBQYAAAAABAAEANYAAACxAAAADgBtYWRlIGVsc2V3aGVyZQ==';
const HELLO = 'hello '.repeat(50);

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('the files of a pool', () => {
  let directory: string;
  const at = (name: string): string => join(directory, name);
  const modeOf = async (name: string): Promise<number> => (await stat(at(name))).mode & 0o7777;
  const file = (changes: object = {}) => ({
    description: 'a key',
    path: at('etc/worker/key'),
    content: base64('the key'),
    encoding: 'base64',
    format: 'file',
    ...changes,
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pool-files-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('are written with private permissions, in directories that are created for them', async () => {
    await writePoolFiles([file(), file({ path: at('empty'), content: '' })]);
    assert.equal(await readFile(at('etc/worker/key'), 'utf8'), 'the key');
    assert.equal(await readFile(at('empty'), 'utf8'), '');
    assert.equal(await modeOf('etc/worker/key'), 0o700);
    assert.equal(await modeOf('etc/worker'), 0o755);
  });

  it('replace existing files and links, without temporary files', async () => {
    await mkdir(at('etc/worker'), { recursive: true });
    await writeFile(at('elsewhere'), 'untouched', { mode: 0o644 });
    await symlink(at('elsewhere'), at('etc/worker/key'));
    await writePoolFiles([file()]);
    assert.ok((await lstat(at('etc/worker/key'))).isFile());
    assert.equal(await readFile(at('elsewhere'), 'utf8'), 'untouched');
    await writePoolFiles([file({ content: base64('another key') })]);
    assert.equal(await readFile(at('etc/worker/key'), 'utf8'), 'another key');
    assert.deepEqual(await readdir(at('etc/worker')), ['key']);
  });

  it('may be an archive, whose entries keep their permissions without special bits', async () => {
    await writePoolFiles([file({ path: at('unpacked'), content: ARCHIVE, format: 'zip' })]);
    assert.deepEqual((await readdir(at('unpacked'))).sort(), ['dos.txt', 'etc', 'run.sh']);
    assert.equal(await readFile(at('unpacked/etc/hello.txt'), 'utf8'), HELLO);
    assert.equal(await modeOf('unpacked/etc/hello.txt'), 0o640);
    assert.equal(await modeOf('unpacked/run.sh'), 0o755);
    assert.equal(await modeOf('unpacked/dos.txt'), 0o700);
  });

  const misuses: readonly (readonly [string, object, RegExp])[] = [
    ['no path', { path: undefined }, /^files: number 2: expected a path/],
    ['another encoding', { encoding: 'text' }, /^files: .*key: expected the encoding base64$/],
    ['another format', { format: 'tar' }, /^files: .*key: expected the format file or zip$/],
    ['content that is not base64', { content: 'secret!' }, /^files: .*key: its content is not valid base64$/],
    ['no content', { content: undefined }, /^files: .*key: its content is not valid base64$/],
    [
      'an invalid archive',
      { format: 'zip' },
      /^files: .*key: the ZIP archive cannot be used: End of central directory record signature not found/,
    ],
  ];
  for (const [what, changes, says] of misuses) {
    it(`are refused before any is written, with ${what}`, async () => {
      for (const place of [writePoolFiles, checkPoolFiles]) {
        await assert.rejects(
          (async () => {
            await place([file({ path: at('first') }), file(changes)]);
          })(),
          (error) => {
            assert.ok(error instanceof ConfigError);
            assert.match(error.message, says);
            assert.doesNotMatch(error.message, /secret!|the key/);
            return true;
          },
        );
      }
      assert.deepEqual(await readdir(directory), []);
    });
  }

  it('are not written when they are only checked', async () => {
    await checkPoolFiles([file()]);
    assert.deepEqual(await readdir(directory), []);
  });

  it('are named in the error when they cannot be written', async () => {
    await writeFile(at('etc'), 'a file where a directory should be');
    await assert.rejects(writePoolFiles([file()]), /^ConfigError: files: .*etc\/worker\/key can't be written: E/);
  });

  it('are refused when their names are not valid for files', async () => {
    const content = zipOf('a\0b', 'x').toString('base64');
    await assert.rejects(writePoolFiles([file({ content, format: 'zip' })]), /whose name is not valid for a file/);
    assert.deepEqual(await readdir(directory), []);
  });

  for (const name of ['../outside', '/../outside', 'etc/../../outside']) {
    it(`stay in their directory: ${name}`, async () => {
      const content = zipOf(name, 'x').toString('base64');
      const unpacked = at('unpacked');
      await assert.rejects(
        writePoolFiles([file({ path: unpacked, content, format: 'zip' })]),
        /the ZIP archive cannot be used: (invalid relative|absolute) path: /,
      );
      assert.deepEqual(await readdir(directory), []);
    });
  }
});

describe('a ZIP archive', () => {
  const archive = Buffer.from(ARCHIVE, 'base64');

  it('is read as zip and other programs write it', async () => {
    assert.deepEqual(
      (await zipEntries(archive)).map(({ name, mode, content }) => [name, mode, content.toString()]),
      [
        ['etc/', 0o750, ''],
        ['etc/hello.txt', 0o640, HELLO],
        ['run.sh', 0o755, '#!/bin/sh\n'],
        ['dos.txt', undefined, 'dos\r\n'],
      ],
    );
  });

  it('is read or refused with a message when it is cut off or changed', async () => {
    for (let length = 0; length < archive.length; length++) await refuses(archive.subarray(0, length));
    for (let place = 0; place < archive.length; place++) {
      const changed = Buffer.from(archive);
      changed[place] = (changed[place] ?? 0) ^ 0xff;
      await refuses(changed);
    }
  });

  it('is not unpacked when it would become too large', async () => {
    await assert.rejects(zipEntries(zipOf('huge', 'x', 0x7fffffff)), /larger than \d+ bytes when unpacked/);
    // The declared size is too small.
    await assert.rejects(zipEntries(zipOf('huge', 'x'.repeat(1_000_000), 10)), /too many bytes in the stream/);
  });

  /** Accepts success or an error with a readable message. */
  async function refuses(bytes: Buffer): Promise<void> {
    try {
      await zipEntries(bytes);
    } catch (error) {
      assert.match(String(error), /^Error: the ZIP archive cannot be used: ./);
    }
  }
});

/** An archive of one compressed file, with only the fields that are read; `bytes`: its declared unpacked size. */
function zipOf(name: string, content: string, bytes = content.length): Buffer {
  const [nameBytes, contentBytes] = [Buffer.from(name), deflateRawSync(content)];
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(nameBytes.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(8, 10);
  central.writeUInt32LE(contentBytes.length, 20);
  central.writeUInt32LE(bytes, 24);
  central.writeUInt16LE(nameBytes.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + nameBytes.length + contentBytes.length, 16);
  return Buffer.concat([local, nameBytes, contentBytes, central, nameBytes, end]);
}
