import { open } from 'node:fs/promises';
import { CiInputError } from '../model.js';

/** More than any file that is written by hand, and than any webhook of GitHub (25 MB). */
const MAX_BYTES = 32 * 1024 * 1024;

/** Returns the text of a file that the command line names. Throws a CiInputError that names `option`. */
export async function readText(path: string, option: string, maxBytes = MAX_BYTES): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      // A pipe (`<(command)`) has no size: read one byte more than is allowed.
      const parts: Buffer[] = [];
      let bytes = 0;
      for await (const part of file.createReadStream({ end: maxBytes, autoClose: false })) {
        parts.push(part as Buffer);
        bytes += (part as Buffer).length;
      }
      if (bytes <= maxBytes) return Buffer.concat(parts).toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new CiInputError(`${option} ${path}: ${reasonOf(code)}`, { cause: error });
  }
  throw new CiInputError(`${option} ${path}: the file is larger than ${maxBytes} bytes`);
}

function reasonOf(code: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EISDIR':
      return 'this is a directory, name a file';
    default:
      return `can't be read (${code}), check its permissions`;
  }
}
