import { randomBytes } from 'node:crypto';

const EVERYWHERE = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Headers of what the page reads: it is shown by the page, and is nothing by itself. */
export const DATA_HEADERS = {
  ...EVERYWHERE,
  'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

/** Headers of the bundle, whose names change with its content. */
export const ASSET_HEADERS = { ...EVERYWHERE, 'cache-control': 'public, max-age=31536000, immutable' };

/**
 * Returns a new nonce for style elements: the editor and the terminal make them, and there is no other way to allow
 * theirs alone.
 */
export function newNonce(): string {
  return randomBytes(18).toString('base64');
}

/**
 * Returns the headers of the page itself. Nothing but its own files may run, and nothing may frame it. `connections` is
 * what it may connect to besides this server, in the policy's words.
 */
export function documentHeaders(nonce: string, connections: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self' ${connections}`.trimEnd(),
    // What is framed is an artifact, whose own headers sandbox it.
    "frame-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { ...EVERYWHERE, 'content-security-policy': policy, 'cache-control': 'no-store' };
}
