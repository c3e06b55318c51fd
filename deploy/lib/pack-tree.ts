import { createWriteStream } from 'node:fs';
import { lstat, readFile, readlink, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';

/** A file or directory (with its contents) to pack, and its name in the tarball; '' for the tarball's root. */
export interface Packed {
  readonly from: string;
  readonly name: string;
}

interface Entry {
  readonly from: string;
  readonly name: string;
}

/**
 * Writes a gzipped tarball that only its owner may read, replacing an existing one. The same content gives the same
 * bytes: entries are sorted by name, owned by root and dated 1970. Modes and symbolic links are kept.
 */
export async function packTree(tarball: string, content: readonly Packed[]): Promise<void> {
  const entries = (await Promise.all(content.map(entriesOf))).flat();
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  const unfinished = `${tarball}.unfinished`;
  await rm(unfinished, { force: true });
  const tar = pack();
  try {
    const written = pipeline(
      tar,
      createGzip({ level: 9 }),
      createWriteStream(unfinished, { mode: 0o600, flags: 'wx' }),
    );
    await Promise.all([written, addAll(tar, entries)]);
    await rename(unfinished, tarball);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function entriesOf({ from, name }: Packed): Promise<readonly Entry[]> {
  const own = name === '' ? [] : [{ from, name }];
  if (!(await lstat(from)).isDirectory()) return own;
  const below = await readdir(from, { recursive: true });
  return [...own, ...below.map((path) => ({ from: join(from, path), name: join(name, path) }))];
}

async function addAll(tar: Pack, entries: readonly Entry[]): Promise<void> {
  try {
    for (const entry of entries) await add(tar, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function add(tar: Pack, { from, name }: Entry): Promise<void> {
  const stats = await lstat(from);
  const header = { name, mode: stats.mode & 0o7777, mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' };
  if (stats.isDirectory()) tar.entry({ ...header, type: 'directory' });
  else if (stats.isSymbolicLink()) tar.entry({ ...header, type: 'symlink', linkname: await readlink(from) });
  else {
    const content = await readFile(from);
    await new Promise<void>((added, failed) => {
      tar.entry({ ...header, type: 'file' }, content, (error) => {
        if (error) failed(error);
        else added();
      });
    });
  }
}
