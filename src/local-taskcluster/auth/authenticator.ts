import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { server as hawkServer, uri as hawkUri, utils as hawkUtils } from 'hawk';
import { errorMessage } from '../../lib/util/error-message.js';
import { satisfies } from '../../lib/queue/scopes.js';
import { ApiError } from '../http/api-error.js';
import { Schema } from '../http/schema.js';
import type { ClientTable } from './client-table.js';
import type { RoleTable } from './role-table.js';
import { parseCertificate, verifyCertificate } from './temporary-credentials.js';

const CLOCK_SKEW_SECONDS = 15 * 60;
const ANONYMOUS = 'assume:anonymous';

/** The caller. Without credentials `clientId` is undefined and the scopes are those of the role `anonymous`. */
export interface Identity {
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
}

interface Ext {
  readonly certificate?: unknown;
  readonly authorizedScopes?: readonly string[];
}

const EXT = new Schema<Ext>('Hawk ext', {
  type: 'object',
  properties: {
    certificate: { type: ['object', 'null'] },
    authorizedScopes: { type: 'array', items: { type: 'string', pattern: '^[\\x20-\\x7e]*$' } },
  },
});

interface Key {
  readonly key: string;
  readonly algorithm: 'sha256';
  readonly user: string;
  readonly scopes: readonly string[];
}

interface AuthenticatorDeps {
  readonly clients: Pick<ClientTable, 'use'>;
  readonly roles: Pick<RoleTable, 'expand'>;
  readonly now: () => Date;
}

/**
 * Verifies Hawk headers and bewits against the clients and roles of this deployment. `now` is used for certificates
 * only: clients take the times in headers and bewits from their own clocks, so those are compared with this machine's
 * clock.
 */
export class Authenticator {
  readonly #deps: AuthenticatorDeps;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  /** Returns the identity of a caller without credentials. */
  anonymous(): Identity {
    return { clientId: undefined, scopes: this.#deps.roles.expand([ANONYMOUS]) };
  }

  /**
   * Returns the identity of the caller; compares `body` with the header's payload hash, if it has one. Rejects with a
   * 401.
   */
  async authenticate(request: IncomingMessage, body: Buffer): Promise<Identity> {
    const isBewit = /[?&]bewit=/.test(request.url ?? '');
    if (request.headers.authorization === undefined && !isBewit) return this.anonymous();
    try {
      const key = isBewit ? await this.#byBewit(request) : await this.#byHeader(request, body);
      return { clientId: key.user, scopes: key.scopes };
    } catch (error) {
      throw new ApiError('AuthenticationFailed', `Authentication failed: ${errorMessage(error)}`);
    }
  }

  async #byHeader(request: IncomingMessage, body: Buffer): Promise<Key> {
    const { ext } = hawkUtils.parseAuthorizationHeader(request.headers.authorization ?? '') as {
      readonly ext?: string;
    };
    let key: Key | undefined;
    const { artifacts } = await hawkServer.authenticate(request, (id) => (key = this.#keyOf(id, ext)), {
      timestampSkewSec: CLOCK_SKEW_SECONDS,
    });
    if (artifacts.hash !== undefined) checkPayloadHash(artifacts.hash, body, request.headers['content-type']);
    return verified(key);
  }

  async #byBewit(request: IncomingMessage): Promise<Key> {
    const bewit = /[?&]bewit=([^&]*)/.exec(request.url ?? '')?.[1] ?? '';
    const ext = Buffer.from(bewit, 'base64url').toString().split('\\')[3];
    let key: Key | undefined;
    await hawkUri.authenticate(request, (id) => (key = this.#keyOf(id, ext)));
    return verified(key);
  }

  #keyOf(clientId: string, rawExt: string | undefined): Key {
    const { clients, roles, now } = this.#deps;
    const ext = rawExt ? parseExt(rawExt) : {};
    const certificate = ext.certificate ? parseCertificate(ext.certificate) : undefined;
    const issuerId = certificate?.issuer ?? clientId;
    if (certificate?.issuer === clientId) throw new Error('ext.certificate.issuer must differ from the clientId');
    const client = clients.use(issuerId);
    const issuer = { ...client, scopes: roles.expand(client.scopes) };
    const { accessToken, scopes } = certificate ? verifyCertificate(certificate, clientId, issuer, now()) : issuer;
    const limited = ext.authorizedScopes ? this.#limit(scopes, ext.authorizedScopes) : scopes;
    return { key: accessToken, algorithm: 'sha256', user: clientId, scopes: roles.expand([...limited, ANONYMOUS]) };
  }

  #limit(scopes: readonly string[], authorized: readonly string[]): readonly string[] {
    const available = this.#deps.roles.expand([...scopes, ANONYMOUS]);
    if (satisfies(available, { AllOf: authorized })) return authorized;
    throw new Error(
      `the credentials do not satisfy authorizedScopes ${JSON.stringify(authorized)}; they have ${JSON.stringify(available)}`,
    );
  }
}

function parseExt(raw: string): Ext {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(raw, 'base64').toString('utf8'));
  } catch (error) {
    throw new Error('ext is not base64-encoded JSON', { cause: error });
  }
  const checked = EXT.check(parsed);
  if ('value' in checked) return checked.value;
  throw new Error(`ext is not valid: ${checked.problems.join('; ')}`);
}

function verified(key: Key | undefined): Key {
  if (!key) throw new Error('unknown credentials');
  return key;
}

/** Compares the hash here because Hawk's own function takes text only, and a body may hold any bytes. */
function checkPayloadHash(hash: string, body: Buffer, contentType = ''): void {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const expected = createHash('sha256').update(`hawk.1.payload\n${type}\n`).update(body).update('\n').digest();
  const given = Buffer.from(hash, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error('bad payload hash');
}
