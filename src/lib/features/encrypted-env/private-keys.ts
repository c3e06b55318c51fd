import { readFile } from 'node:fs/promises';
import type { PrivateKey } from 'openpgp';
import { errorMessage } from '../../util/error-message.js';

/** The file is not usable for decryption. The message names it and says what to do, but never quotes its content. */
export class PrivateKeyError extends Error {
  override readonly name = 'PrivateKeyError';
}

const BEGIN = '-----BEGIN PGP PRIVATE KEY BLOCK-----';
const END = '-----END PGP PRIVATE KEY BLOCK-----';

/**
 * Reads the OpenPGP keys from a file with one or more armored blocks: an old and a new key, while clients use both.
 * Throws a PrivateKeyError.
 */
export async function readDecryptionKeys(path: string): Promise<readonly PrivateKey[]> {
  const keys = await readAll(path);
  if (keys.length === 0) throw new PrivateKeyError(`${path} holds no armored OpenPGP private key`);
  if (!keys.every((key) => key.isDecrypted())) {
    throw new PrivateKeyError(`${path} holds a key with a passphrase; the worker needs one without`);
  }
  return keys;
}

async function readAll(path: string): Promise<readonly PrivateKey[]> {
  const blocks = armoredBlocks(await readText(path));
  // Loaded only when needed: it slows the worker's start and uses memory.
  const { readPrivateKeys } = await import('openpgp');
  try {
    const keys = await Promise.all(blocks.map((armoredKeys) => readPrivateKeys({ armoredKeys })));
    return keys.flat();
  } catch {
    // The parser's message may quote the key.
    throw new PrivateKeyError(`${path} holds an armored OpenPGP private key that is damaged`);
  }
}

function armoredBlocks(text: string): readonly string[] {
  const blocks: string[] = [];
  for (let from = text.indexOf(BEGIN); from >= 0; from = text.indexOf(BEGIN, from)) {
    const end = text.indexOf(END, from);
    if (end < 0) break;
    blocks.push(text.slice(from, end + END.length));
    from = end + END.length;
  }
  return blocks;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    throw new PrivateKeyError(`${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
