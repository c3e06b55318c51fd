import type { Readable } from 'node:stream';
import { CiInputError } from '../model.js';

const MAX_BYTES = 32 * 1024 * 1024;

/** Returns the text of standard input. Throws a CiInputError that names `option` if it is longer than any event. */
export async function readStream(stream: Readable, option: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    const buffer = Buffer.from(part as Buffer | string);
    parts.push(buffer);
    bytes += buffer.length;
    if (bytes > MAX_BYTES) throw new CiInputError(`${option}: standard input has more than ${MAX_BYTES} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}
