import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isStaticProgram } from '../../../src/lib/util/is-static-program.js';
import { needsPrograms } from '../../support/skip-because.js';

const PT_LOAD = 1;
const PT_INTERP = 3;

/** The beginning of a big-endian 32-bit program with these program headers. */
function program(types: readonly number[], declared = types.length): Buffer {
  const headers = types.map((type) => {
    const header = Buffer.alloc(32);
    header.writeUInt32BE(type);
    return header;
  });
  const file = Buffer.alloc(64);
  file.write('\x7fELF\x01\x02');
  file.writeUInt32BE(64, 28);
  file.writeUInt16BE(32, 42);
  file.writeUInt16BE(declared, 44);
  return Buffer.concat([file, ...headers]);
}

describe('isStaticProgram', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'static-'));
  });
  after(() => rm(directory, { recursive: true }));

  const isStatic = async (content: Buffer | string): Promise<boolean> => {
    const path = join(directory, 'file');
    await writeFile(path, content);
    return await isStaticProgram(path);
  };

  it('accepts a program that names no loader', async () => {
    assert.equal(await isStatic(program([PT_LOAD, PT_LOAD])), true);
    assert.equal(await isStatic(program([PT_LOAD, PT_INTERP])), false);
    assert.equal(await isStaticProgram(process.execPath), false);
  });

  it('accepts the busybox of this machine', async function () {
    needsPrograms(this, 'busybox');
    assert.equal(await isStaticProgram(execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim()), true);
  });

  it('refuses other files and truncated programs', async () => {
    assert.equal(await isStatic('#!/bin/sh\n'), false);
    assert.equal(await isStatic(''), false);
    assert.equal(await isStatic(program([], 65_535)), false);
    assert.equal(await isStatic(program([PT_LOAD]).subarray(0, 66)), false);
    await assert.rejects(isStaticProgram(join(directory, 'missing')), { code: 'ENOENT' });
  });
});
