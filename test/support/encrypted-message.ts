import { readFile } from 'node:fs/promises';
import { createMessage, encrypt, readPrivateKey } from 'openpgp';
import type { PartialConfig, PublicKey } from 'openpgp';

/** The worker's private key in tests. */
export const PRIVATE_KEY = 'test/keys/encrypted-env-private-key.asc';

/** A message as a client makes it: in base64, `content` encrypted to the public half of `PRIVATE_KEY`, or to `keys`. */
export async function encryptedMessage(
  content: unknown,
  keys?: PublicKey[],
  config: PartialConfig = {},
): Promise<string> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const encryptionKeys = keys ?? [await publicKey()];
  const message = await createMessage({ text });
  // Typed by a library that comes without its types.
  const binary: unknown = await encrypt({ message, encryptionKeys, format: 'binary', config });
  return Buffer.from(binary as Uint8Array).toString('base64');
}

/** The public half of `PRIVATE_KEY`. */
export async function publicKey(): Promise<PublicKey> {
  return (await readPrivateKey({ armoredKey: await readFile(PRIVATE_KEY, 'latin1') })).toPublic();
}
