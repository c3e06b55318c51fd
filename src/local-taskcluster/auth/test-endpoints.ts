import { authorizeAs } from '../http/authorize.js';
import { endpoint } from '../http/endpoint.js';
import type { ApiCall, ApiReply, Endpoint } from '../http/endpoint.js';
import { TEST_AUTHENTICATE_REQUEST, TEST_AUTHENTICATE_RESPONSE } from '../schemas/auth-schemas.js';
import { Authenticator } from './authenticator.js';
import { RoleTable } from './role-table.js';

/** The client that every test request may be signed as. */
const TESTER = { clientId: 'tester', accessToken: 'no-secret' } as const;
const GET_CLIENT_SCOPES = ['test:*', 'auth:create-client:test:*'];
const GET_REQUIRED_SCOPES = ['test:authenticate-get'];

/** Returns the auth endpoints with which authors of clients test request signing. They know one client and no roles. */
export function testEndpoints(now: () => Date): readonly Endpoint[] {
  const test = async ({ identifyBy }: ApiCall<unknown>, granted: readonly string[], needed: readonly string[]) => {
    const use = (clientId: string): typeof TESTER & { readonly scopes: readonly string[] } => {
      if (clientId !== TESTER.clientId) throw new Error(`client ${clientId} not found; the one to test with is tester`);
      return { ...TESTER, scopes: granted };
    };
    const identity = await identifyBy(new Authenticator({ clients: { use }, roles: new RoleTable(), now }));
    authorizeAs(identity)({ AllOf: needed });
    return { body: { clientId: identity.clientId, scopes: identity.scopes } } satisfies ApiReply;
  };
  return [
    endpoint({
      name: 'testAuthenticate',
      method: 'POST',
      route: '/test-authenticate',
      isOpen: true,
      input: TEST_AUTHENTICATE_REQUEST,
      output: TEST_AUTHENTICATE_RESPONSE,
      handle: (call) => test(call, call.input.clientScopes, call.input.requiredScopes),
    }),
    endpoint({
      name: 'testAuthenticateGet',
      method: 'GET',
      route: '/test-authenticate-get/',
      isOpen: true,
      output: TEST_AUTHENTICATE_RESPONSE,
      handle: (call) => test(call, GET_CLIENT_SCOPES, GET_REQUIRED_SCOPES),
    }),
  ];
}
