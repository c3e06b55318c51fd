import { createHmac, randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface SigningOptions {
  /** An IPv4 address: the names have room for four bytes and no address family. */
  readonly ip: string;
  /** The secret with which the DNS server checks the names. */
  readonly secret: string;
  /** The domain that the DNS server answers for. */
  readonly domain: string;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const SALT_BYTES = 2;
const SIGNATURE_BYTES = 16;

/**
 * Returns a host name that encodes its address: base32 of the address, the time (ms since the epoch, 64 bit, big
 * endian), a random salt and the beginning of their HMAC-SHA256, as Taskcluster's stateless-dns-server decodes it.
 * Throws an Error if `ip` is not an IPv4 address.
 */
export function signedHostname(expires: Date, { ip, secret, domain }: SigningOptions): string {
  if (!isIPv4(ip)) throw new Error(`${ip} is not an IPv4 address`);
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(BigInt(expires.getTime()));
  const facts = Buffer.concat([Buffer.from(ip.split('.').map(Number)), time, randomBytes(SALT_BYTES)]);
  const signature = createHmac('sha256', secret).update(facts).digest().subarray(0, SIGNATURE_BYTES);
  return `${base32(Buffer.concat([facts, signature]))}.${domain}`;
}

/** Encodes as in RFC 4648, in lower case. A name's 30 bytes make exactly 48 characters, so there is no padding. */
function base32(bytes: Buffer): string {
  let [text, rest, bits] = ['', 0, 0];
  for (const byte of bytes) {
    rest = (rest << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((rest >> (bits - 5)) & 31);
    rest &= 31;
  }
  return text;
}
