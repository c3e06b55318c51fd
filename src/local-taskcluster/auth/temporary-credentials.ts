import { createHmac, randomBytes } from 'node:crypto';
import type { Credentials } from '../../lib/queue/queue-client.js';
import { satisfies } from '../../lib/queue/scopes.js';
import { Schema } from '../http/schema.js';
import type { PermanentClient } from './client-table.js';
import { sameText } from './same-text.js';

const CLOCK_SKEW_MS = 5 * 60_000;
const LONGEST_MS = 31 * 24 * 60 * 60_000;

/**
 * The certificate that comes with temporary credentials: signed with the issuer's access token, it limits scopes and
 * time.
 */
export interface Certificate {
  readonly version: 1;
  readonly scopes: readonly string[];
  /** In milliseconds since the epoch, like `expiry`. */
  readonly start: number;
  readonly expiry: number;
  readonly seed: string;
  readonly signature: string;
  /** The client that signed; present when the credentials have a name of their own. */
  readonly issuer?: string;
}

const CERTIFICATE = new Schema<Certificate>('Certificate', {
  type: 'object',
  properties: {
    version: { const: 1 },
    scopes: { type: 'array', items: { type: 'string', pattern: '^[\\x20-\\x7e]*$' } },
    start: { type: 'integer' },
    expiry: { type: 'integer' },
    seed: { type: 'string', minLength: 44, maxLength: 44 },
    signature: { type: 'string' },
    issuer: { type: 'string' },
  },
  required: ['version', 'scopes', 'start', 'expiry', 'seed', 'signature'],
});

/** Returns the certificate in a Hawk `ext`. Throws an Error that names what is wrong with it. */
export function parseCertificate(value: unknown): Certificate {
  const checked = CERTIFICATE.check(value);
  if ('value' in checked) return checked.value;
  throw new Error(`ext.certificate is not valid: ${checked.problems.join('; ')}`);
}

/**
 * Returns the access token and scopes of the temporary credentials `name`. Throws an Error when the certificate was not
 * signed by the issuer, grants more than the issuer has (`issuer.scopes` are expanded), or is not valid at `now`.
 */
export function verifyCertificate(
  certificate: Certificate,
  name: string,
  issuer: PermanentClient,
  now: Date,
): { readonly accessToken: string; readonly scopes: readonly string[] } {
  if (certificate.start > now.getTime() + CLOCK_SKEW_MS) throw new Error('ext.certificate.start is in the future');
  if (certificate.expiry < now.getTime() - CLOCK_SKEW_MS) throw new Error('ext.certificate has expired');
  if (certificate.expiry - certificate.start > LONGEST_MS) {
    throw new Error('ext.certificate must not last longer than 31 days');
  }
  if (!sameText(certificate.signature, sign(certificate, name, issuer.accessToken))) {
    throw new Error('ext.certificate.signature is not valid, or belongs to another clientId');
  }
  if (name !== issuer.clientId && !satisfies(issuer.scopes, `auth:create-client:${name}`)) {
    throw new Error(`the issuer ${issuer.clientId} does not have auth:create-client:${name}`);
  }
  if (!satisfies(issuer.scopes, { AllOf: certificate.scopes })) {
    throw new Error(`the issuer ${issuer.clientId} does not have all the scopes of the certificate`);
  }
  return { accessToken: temporaryToken(issuer.accessToken, certificate.seed), scopes: certificate.scopes };
}

/** Returns named temporary credentials with these scopes, valid from `start` to `expiry`. */
export function issueCredentials(
  issuer: PermanentClient,
  grant: { readonly clientId: string; readonly scopes: readonly string[]; readonly start: Date; readonly expiry: Date },
): Required<Credentials> {
  const unsigned = {
    version: 1,
    scopes: grant.scopes,
    start: grant.start.getTime(),
    expiry: grant.expiry.getTime(),
    seed: randomBytes(33).toString('base64url'),
    issuer: issuer.clientId,
  } as const;
  const certificate = { ...unsigned, signature: sign(unsigned, grant.clientId, issuer.accessToken) };
  return {
    clientId: grant.clientId,
    accessToken: temporaryToken(issuer.accessToken, unsigned.seed),
    certificate: JSON.stringify(certificate),
  };
}

function sign(certificate: Omit<Certificate, 'signature'>, name: string, accessToken: string): string {
  const named = certificate.issuer === undefined ? [] : [`clientId:${name}`, `issuer:${certificate.issuer}`];
  const lines = [
    `version:${certificate.version}`,
    ...named,
    `seed:${certificate.seed}`,
    `start:${certificate.start}`,
    `expiry:${certificate.expiry}`,
    'scopes:',
    ...certificate.scopes,
  ];
  // The line after "scopes:" exists even without scopes: the signer joins an empty list to ''.
  const text = certificate.scopes.length === 0 ? `${lines.join('\n')}\n` : lines.join('\n');
  return createHmac('sha256', accessToken).update(text).digest('base64');
}

function temporaryToken(accessToken: string, seed: string): string {
  return createHmac('sha256', accessToken).update(seed).digest('base64url');
}
