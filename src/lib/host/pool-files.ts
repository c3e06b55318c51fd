import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import { errorMessage } from '../util/error-message.js';
import { shorten } from '../util/shorten.js';
import { zipEntries } from './zip-entries.js';

/** One file or directory to be made. */
interface Placed {
  readonly path: string;
  /** Undefined: a directory. */
  readonly content: Buffer | undefined;
  readonly mode: number;
}

// Keys and certificates are most of what pools put on machines; the scripts among it are run by the same user.
const FILE_MODE = 0o700;
const DIRECTORY_MODE = 0o755;
const LONGEST_NAME = 200;

/** Puts what a pool wants to have on a machine where it belongs, or only checks it. */
export type PlacePoolFiles = (files: readonly unknown[]) => Promise<void>;

/**
 * Writes the files of a pool or a secret, `{path, content, encoding: base64, format: file | zip}` as worker-runner knows
 * them: for this user alone, each whole or not at all, with the directories that it needs. Fails with a ConfigError that
 * quotes no content.
 */
export const writePoolFiles: PlacePoolFiles = async (files) => {
  for (const { path, content, mode } of parsePoolFiles(files)) {
    try {
      await mkdir(content === undefined ? path : dirname(path), { recursive: true, mode: DIRECTORY_MODE });
      if (content !== undefined) await replaceFile(path, content, mode);
    } catch (error) {
      throw new ConfigError([`files: ${path} can't be written: ${errorMessage(error)}`], { cause: error });
    }
  }
};

/** Writes nothing. Fails where `writePoolFiles` would because of what the files are. */
export const checkPoolFiles: PlacePoolFiles = (files) =>
  new Promise((done) => {
    parsePoolFiles(files);
    done();
  });

function parsePoolFiles(files: readonly unknown[]): readonly Placed[] {
  return files.flatMap((file, index) => {
    const { path, content, encoding, format } = isTree(file) ? file : {};
    const name = typeof path === 'string' ? shorten(path, LONGEST_NAME) : `number ${index + 1}`;
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
      return unpacked(resolve(path), bytes);
    } catch (error) {
      return refuse(errorMessage(error), error);
    }
  });
}

/** What is in an archive, below a directory. */
function unpacked(directory: string, archive: Buffer): readonly Placed[] {
  const inside = zipEntries(archive).map(({ name, mode, content }) => {
    const path = resolve(directory, `.${sep}${name}`);
    if (name.includes('\0') || (path !== directory && !path.startsWith(join(directory, sep)))) {
      throw new Error(`the ZIP archive has an entry outside of its directory: ${shorten(name, LONGEST_NAME)}`);
    }
    const isDirectory = name.endsWith('/');
    return {
      path,
      content: isDirectory ? undefined : content,
      mode: mode === undefined || mode === 0 ? FILE_MODE : mode,
    };
  });
  return [{ path: directory, content: undefined, mode: DIRECTORY_MODE }, ...inside];
}

/** A link in its place is replaced, not followed. */
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

/** Padding may be missing, and lines may be broken, as other programs take it. */
function isBase64(text: string): boolean {
  const packed = text.replaceAll(/[\r\n]/g, '');
  return /^[A-Za-z0-9+/]*={0,2}$/.test(packed) && packed.replaceAll('=', '').length % 4 !== 1;
}
