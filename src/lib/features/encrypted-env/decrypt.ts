import type { Message, PartialConfig, PrivateKey } from 'openpgp';

/** One variable as its sender wrote it. Only its form has been checked. */
export interface SecretMessage {
  readonly messageVersion: unknown;
  readonly taskId: unknown;
  /** May be used from startTime to endTime, in ms since 1970. */
  readonly startTime: number;
  readonly endTime: number;
  readonly name: string;
  readonly value: string;
}

/**
 * A message that cannot be decrypted. `isPublic`: the reason reveals only properties of the ciphertext, which is
 * public. All other reasons must look the same to an attacker who tries modified messages.
 */
export class Undecipherable extends Error {
  override readonly name = 'Undecipherable';
  readonly isPublic: boolean;

  constructor(message: string, isPublic: boolean) {
    super(message);
    this.isPublic = isPublic;
  }
}

type EncryptedMessage = Message<string | Uint8Array>;

const CONFIG: PartialConfig = {
  // A small message may decompress to any size.
  maxDecompressedMessageSize: 1024 * 1024,
  // Old versions of openpgp.js encrypted to the signing key and wrote keys without flags; ours signs nothing.
  allowInsecureDecryptionWithSigningKeys: true,
  allowMissingKeyFlags: true,
  // Without integrity protection an attacker could turn it into another message.
  allowUnauthenticatedMessages: false,
};
/** Each needs an expensive computation, and a message may have thousands. */
const MAX_SESSION_KEYS = 4;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
/** The key id of an anonymous recipient. */
const ANONYMOUS_KEY_ID = '0'.repeat(16);
const ARMOR = '-----BEGIN PGP MESSAGE-----';

/** Decrypts a message. Throws only Undecipherable, which never quotes decrypted content. */
export async function decryptMessage(base64: string, keys: readonly PrivateKey[]): Promise<SecretMessage> {
  const message = await parseMessage(base64);
  checkRecipients(message, keys);
  return parseContent(await plaintext(message, keys));
}

async function plaintext(message: EncryptedMessage, keys: readonly PrivateKey[]): Promise<Uint8Array> {
  const { decrypt } = await import('openpgp');
  try {
    const options = { message, decryptionKeys: [...keys], config: CONFIG };
    const result: { readonly data: unknown } = await decrypt({ ...options, format: 'binary' });
    if (result.data instanceof Uint8Array) return result.data;
  } catch {
    // How far decryption got would help an attacker who uses the worker to decrypt messages.
  }
  throw new Undecipherable('it cannot be decrypted: damaged, too long, or without integrity protection', false);
}

async function parseMessage(text: string): Promise<EncryptedMessage> {
  const base64 = text.replace(/\s+/g, '');
  if (!BASE64.test(base64)) throw new Undecipherable('it is not base64', true);
  const bytes = Buffer.from(base64, 'base64');
  const armoredMessage = bytes.toString('latin1');
  const { readMessage } = await import('openpgp');
  try {
    return armoredMessage.trimStart().startsWith(ARMOR)
      ? await readMessage({ armoredMessage, config: CONFIG })
      : await readMessage({ binaryMessage: new Uint8Array(bytes), config: CONFIG });
  } catch {
    throw new Undecipherable('it is not an OpenPGP message', true);
  }
}

function checkRecipients(message: EncryptedMessage, keys: readonly PrivateKey[]): void {
  const recipients = message.getEncryptionKeyIDs();
  if (recipients.length === 0) throw new Undecipherable('it is not encrypted to a public key', true);
  const own = keys.flatMap((key) => key.getKeyIDs().map((id) => id.toHex()));
  const ownRecipients = recipients.filter((id) => [ANONYMOUS_KEY_ID, ...own].includes(id.toHex()));
  if (ownRecipients.length === 0) {
    const others = recipients.slice(0, MAX_SESSION_KEYS).map((id) => id.toHex().toUpperCase());
    throw new Undecipherable(`it is not encrypted to this worker's key, but to ${others.join(', ')}`, true);
  }
  if (ownRecipients.length > MAX_SESSION_KEYS) {
    throw new Undecipherable(`it is encrypted to the same recipient more than ${MAX_SESSION_KEYS} times`, true);
  }
}

function parseContent(data: Uint8Array): SecretMessage {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    // The parser's message quotes the content.
    throw new Undecipherable('its content is not JSON', false);
  }
  if (isSecretMessage(content)) return content;
  throw new Undecipherable(
    'its content is not {messageVersion, taskId, startTime, endTime, name, value}, with times in ms and the last two as strings',
    false,
  );
}

function isSecretMessage(content: unknown): content is SecretMessage {
  if (typeof content !== 'object' || content === null) return false;
  const { startTime, endTime, name, value } = content as Readonly<Record<string, unknown>>;
  return [startTime, endTime].every(Number.isFinite) && typeof name === 'string' && typeof value === 'string';
}
