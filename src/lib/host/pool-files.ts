import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import { errorMessage } from '../util/error-message.js';
import { shorten } from '../util/shorten.js';
import { zipEntries } from './zip-entries.js';
import { makeDirectory } from '../util/make-directory.js';

/** One file or directory to create. */
interface Placed {
  readonly path: string;
  /** Undefined: a directory. */
  readonly content: Buffer | undefined;
  readonly mode: number;
}

// Most files of pools are keys and certificates; scripts among them are run by the same user.
const FILE_MODE = 0o700;
const DIRECTORY_MODE = 0o755;
const LONGEST_NAME = 200;

/** Places a pool's files on the machine, or only checks them. */
export type PlacePoolFiles = (files: readonly unknown[]) => Promise<void>;

/**
 * Writes the files of a pool or a secret, `{path, content, encoding: base64, format: file | zip}` as in worker-runner:
 * readable only by this user, each atomically, with the directories it needs. Throws a ConfigError that does not quote
 * the content.
 */
export const writePoolFiles: PlacePoolFiles = async (files) => {
  for (const { path, content, mode } of await parsePoolFiles(files)) {
    try {
      await makeDirectory(content === undefined ? path : dirname(path), DIRECTORY_MODE);
      if (content !== undefined) await replaceFile(path, content, mode);
    } catch (error) {
      throw new ConfigError([`files: ${path} can't be written: ${errorMessage(error)}`], { cause: error });
    }
  }
};

/** Checks the files without writing them. Throws the same errors as `writePoolFiles` for invalid files. */
export const checkPoolFiles: PlacePoolFiles = async (files) => {
  await parsePoolFiles(files);
};

/** Parses all files before any is written. */
async function parsePoolFiles(files: readonly unknown[]): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  for (const [index, file] of files.entries()) placed.push(...(await parsePoolFile(file, index + 1)));
  return placed;
}

async function parsePoolFile(file: unknown, number: number): Promise<readonly Placed[]> {
  const { path, content, encoding, format } = isTree(file) ? file : {};
  const name = typeof path === 'string' ? shorten(path, LONGEST_NAME) : `number ${number}`;
  const refuse = (why: string, cause?: unknown): never => {
    throw new ConfigError([`files: ${name}: ${why}`], { cause });
  };
  if (typeof path !== 'string' || path === '') return refuse('expected a path to write it to');
  if (encoding !== 'base64') return refuse('expected the encoding base64');
  if (format !== 'file' && format !== 'zip') return refuse('expected the format file or zip');
  if (typeof content !== 'string' || !isBase64(content)) return refuse('its content is not valid base64');
  const bytes = Buffer.from(content, 'base64');
  if (format === 'file') return [{ path: resolve(path), content: bytes, mode: FILE_MODE }];
  try {
    return await unpacked(resolve(path), bytes);
  } catch (error) {
    return refuse(errorMessage(error), error);
  }
}

/** Returns the entries of an archive, with paths below a directory. */
async function unpacked(directory: string, archive: Buffer): Promise<readonly Placed[]> {
  const entries = await zipEntries(archive);
  const inside = entries.map(({ name, mode, content }) => {
    if (name.includes('\0')) throw new Error('the ZIP archive has an entry whose name is not valid for a file');
    return {
      path: join(directory, name),
      content: name.endsWith('/') ? undefined : content,
      mode: mode === undefined || mode === 0 ? FILE_MODE : mode,
    };
  });
  return [{ path: directory, content: undefined, mode: DIRECTORY_MODE }, ...inside];
}

/** Writes a file atomically. A link in its place is replaced, not followed. */
async function replaceFile(path: string, content: Buffer, mode: number): Promise<void> {
  const next = `${path}.${randomBytes(6).toString('hex')}.next`;
  try {
    await writeFile(next, content, { mode, flag: 'wx' });
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** Accepts missing padding and line breaks, as other programs do. */
function isBase64(text: string): boolean {
  const packed = text.replaceAll(/[\r\n]/g, '');
  return /^[A-Za-z0-9+/]*={0,2}$/.test(packed) && packed.replaceAll('=', '').length % 4 !== 1;
}
