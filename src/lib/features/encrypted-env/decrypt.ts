import type { Message, PartialConfig, PrivateKey } from 'openpgp';

/** One variable as its sender wrote it. Nothing of it has been checked but its form. */
export interface SecretMessage {
  readonly messageVersion: unknown;
  readonly taskId: unknown;
  /** Between these it may be used, in ms since 1970. */
  readonly startTime: number;
  readonly endTime: number;
  readonly name: string;
  readonly value: string;
}

/**
 * Why there is no message. What tells of nothing but the ciphertext, which is public, is for everybody; the rest is one
 * and the same to whoever tries out changed messages: `isPublic` false.
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
  // A small message may unpack to any size.
  maxDecompressedMessageSize: 1024 * 1024,
  // Old versions of openpgp.js encrypted to the signing key and wrote keys without flags; ours signs nothing.
  allowInsecureDecryptionWithSigningKeys: true,
  allowMissingKeyFlags: true,
  // Without integrity protection anybody could make another message of it.
  allowUnauthenticatedMessages: false,
};
/** Each is an expensive computation, and a message may have thousands. */
const MAX_SESSION_KEYS = 4;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
/** The key id of a recipient that is not named. */
const ANYBODY = '0'.repeat(16);
const ARMOR = '-----BEGIN PGP MESSAGE-----';

/** Fails with an Undecipherable, which holds nothing of what was decrypted; never with another error. */
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
    // How far it came would help whoever tries to make the worker decrypt for them.
  }
  throw new Undecipherable('it cannot be decrypted: damaged, too long, or without integrity protection', false);
}

async function parseMessage(text: string): Promise<EncryptedMessage> {
  const base64 = text.replace(/\s+/g, '');
  if (!BASE64.test(base64)) throw new Undecipherable('it is no base64', true);
  const bytes = Buffer.from(base64, 'base64');
  const armoredMessage = bytes.toString('latin1');
  const { readMessage } = await import('openpgp');
  try {
    return armoredMessage.trimStart().startsWith(ARMOR)
      ? await readMessage({ armoredMessage, config: CONFIG })
      : await readMessage({ binaryMessage: new Uint8Array(bytes), config: CONFIG });
  } catch {
    throw new Undecipherable('it is no OpenPGP message', true);
  }
}

function checkRecipients(message: EncryptedMessage, keys: readonly PrivateKey[]): void {
  const recipients = message.getEncryptionKeyIDs();
  if (recipients.length === 0) throw new Undecipherable('it is not encrypted to a public key', true);
  const own = keys.flatMap((key) => key.getKeyIDs().map((id) => id.toHex()));
  const forUs = recipients.filter((id) => [ANYBODY, ...own].includes(id.toHex()));
  if (forUs.length === 0) {
    const others = recipients.slice(0, MAX_SESSION_KEYS).map((id) => id.toHex().toUpperCase());
    throw new Undecipherable(`it is encrypted to another key than this worker's, to ${others.join(', ')}`, true);
  }
  if (forUs.length > MAX_SESSION_KEYS) {
    throw new Undecipherable(`it is encrypted to the same recipient more than ${MAX_SESSION_KEYS} times`, true);
  }
}

function parseContent(data: Uint8Array): SecretMessage {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    // The parser's words quote what it reads.
    throw new Undecipherable('its content is no JSON', false);
  }
  if (isSecretMessage(content)) return content;
  throw new Undecipherable(
    'its content is not {messageVersion, taskId, startTime, endTime, name, value}, with times in ms and the last two as texts',
    false,
  );
}

function isSecretMessage(content: unknown): content is SecretMessage {
  if (typeof content !== 'object' || content === null) return false;
  const { startTime, endTime, name, value } = content as Readonly<Record<string, unknown>>;
  return [startTime, endTime].every(Number.isFinite) && typeof name === 'string' && typeof value === 'string';
}
