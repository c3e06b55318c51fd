import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { constants, open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Logger } from '../../log/logger.js';

/** The file is not usable for signing. The message names it and says what to do, but never quotes its content. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

const SEED_BYTES = 32;
/** The seed followed by the public key, as in NaCl. */
const SECRET_KEY_BYTES = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The PKCS #8 encoding of an ed25519 key (RFC 8410), up to its seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** Longer than any key, but little to read by mistake. */
const MAX_FILE_BYTES = 4096;
const GROUP_AND_OTHERS = 0o077;
const PERMISSION_BITS = 0o777;

/** A key that belongs to this process's user but is accessible to other users. */
export interface InsecureKey {
  readonly path: string;
  /** In chmod's octal notation. */
  readonly mode: string;
  /** Removes the access of other users. */
  tighten(): Promise<void>;
}

/** Handles such a key: programs that write files for a worker often make them readable by all users. */
export type OnInsecureKey = (key: InsecureKey) => Promise<void>;

/** Returns a handler that removes the access of others and tells the operator, who may have granted it. */
export function tightening(log: Pick<Logger, 'warn'>): OnInsecureKey {
  return async (key) => {
    await key.tighten();
    const { path, mode } = key;
    log.warn('signing key permissions tightened', { path, mode });
  };
}

/**
 * Reads an ed25519 key from a file with base64 of its 32-byte seed, or of the seed and the public key. Throws a
 * SigningKeyError if the file holds no key, or belongs to another user and is not private to that user. A file of this
 * process's user that others can access is used after `onInsecure` has handled it.
 */
export async function readSigningKey(path: string, onInsecure: OnInsecureKey): Promise<KeyObject> {
  return await readPrivateFile(path, (text) => parseSigningKey(path, text), onInsecure);
}

function parseSigningKey(path: string, content: string): KeyObject {
  // Some programs break base64 into lines.
  const text = content.replace(/\s+/g, '');
  const bytes = BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length !== SEED_BYTES && bytes.length !== SECRET_KEY_BYTES) {
    throw new SigningKeyError(
      `${path} holds no signing key: expected base64 of 32 bytes (the seed) or of 64 (seed and public key)`,
    );
  }
  const seed = bytes.subarray(0, SEED_BYTES);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
  if (bytes.length === SECRET_KEY_BYTES && !bytes.subarray(SEED_BYTES).equals(publicKey)) {
    throw new SigningKeyError(`${path} holds no signing key: its public half does not match its seed`);
  }
  return key;
}

/** Returns the parsed file. A file that `parse` refuses is left unchanged. */
async function readPrivateFile<T>(path: string, parse: (text: string) => T, onInsecure: OnInsecureKey): Promise<T> {
  try {
    // Non-blocking, so that a named pipe without a writer can't hang the worker.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new SigningKeyError(`${path} is not a regular file`);
      const mode = found.mode & PERMISSION_BITS;
      let insecure: InsecureKey | undefined;
      if ((mode & GROUP_AND_OTHERS) !== 0) {
        const octal = mode.toString(8).padStart(4, '0');
        if (found.uid !== (await ownUid())) throw new SigningKeyError(`${path} ${accessibleToOthers(octal)}`);
        insecure = { path, mode: octal, tighten: () => tighten(file, path, mode) };
      }
      if (found.size > MAX_FILE_BYTES) throw new SigningKeyError(`${path} is too long for a key (${found.size} bytes)`);
      const key = parse(await file.readFile('latin1'));
      if (insecure) await onInsecure(insecure);
      return key;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SigningKeyError) throw error;
    throw new SigningKeyError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns the user whose rights this process has. */
async function ownUid(): Promise<number> {
  return (await stat('/proc/self')).uid;
}

async function tighten(file: FileHandle, path: string, mode: number): Promise<void> {
  try {
    await file.chmod(mode & ~GROUP_AND_OTHERS);
  } catch (error) {
    const octal = mode.toString(8).padStart(4, '0');
    const why = `and that cannot be changed: ${(error as Error).message}`;
    throw new SigningKeyError(`${path} ${accessibleToOthers(octal)}, ${why}`, { cause: error });
  }
}

function accessibleToOthers(mode: string): string {
  return `can be used by others (mode ${mode}); only its owner may have access (0600)`;
}
