import { missingScopes, satisfies } from '../../lib/queue/scopes.js';
import type { Identity } from '../auth/authenticator.js';
import { ApiError } from './api-error.js';
import type { ApiCall } from './endpoint.js';

/** Returns a function that throws InsufficientScopes, naming the missing scopes, unless the caller has the scopes. */
export function authorizeAs(identity: Identity): ApiCall<unknown>['authorize'] {
  return (needed) => {
    if (satisfies(identity.scopes, needed)) return;
    const caller = identity.clientId === undefined ? 'Without credentials you' : `Client ${identity.clientId}`;
    throw new ApiError(
      'InsufficientScopes',
      [
        `${caller} ${identity.clientId === undefined ? 'do' : 'does'} not have sufficient scopes. Missing:`,
        ...missingScopes(identity.scopes, needed).map((scope) => `  ${scope}`),
        'Granted:',
        ...identity.scopes.map((scope) => `  ${scope}`),
        `This request needs ${JSON.stringify(needed)}`,
      ].join('\n'),
    );
  };
}
