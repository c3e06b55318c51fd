import { randomBytes } from 'node:crypto';

// 44 characters of base64url.
const TOKEN_BYTES = 33;

/** Returns a random access token for a new client. */
export function newAccessToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}
