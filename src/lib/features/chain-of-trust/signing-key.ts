import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { constants, open } from 'node:fs/promises';

/** The file can't be used to sign with. The message names it and says what to do, never what is in it. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

const SEED_BYTES = 32;
/** The seed with the public key behind it, as NaCl has it. */
const SECRET_KEY_BYTES = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** PKCS #8 of an ed25519 key (RFC 8410), up to its seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** More than any key is long, and little to read by mistake. */
const MAX_FILE_BYTES = 4096;
const OTHERS = 0o077;

/**
 * The ed25519 key in a file with base64 of its 32-byte seed, or of the seed and the public key. Fails with a
 * SigningKeyError when there is none, or one that others than the file's owner can get at.
 */
export async function readSigningKey(path: string): Promise<KeyObject> {
  // Programs break base64 into lines.
  const text = (await readPrivateFile(path)).replace(/\s+/g, '');
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
    throw new SigningKeyError(`${path} holds no signing key: its public half does not belong to its seed`);
  }
  return key;
}

async function readPrivateFile(path: string): Promise<string> {
  try {
    // Not to wait for somebody to write into a pipe.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new SigningKeyError(`${path} is no regular file`);
      const mode = stat.mode & 0o777;
      if ((mode & OTHERS) !== 0) {
        const octal = mode.toString(8).padStart(4, '0');
        throw new SigningKeyError(`${path} can be used by others (mode ${octal}); it must be its owner's alone (0600)`);
      }
      if (stat.size > MAX_FILE_BYTES) throw new SigningKeyError(`${path} is too long for a key (${stat.size} bytes)`);
      return await file.readFile('latin1');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SigningKeyError) throw error;
    throw new SigningKeyError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
