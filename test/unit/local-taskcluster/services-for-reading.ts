import { ClientTable } from '../../../src/local-taskcluster/auth/client-table.js';
import { RoleTable } from '../../../src/local-taskcluster/auth/role-table.js';
import { ObjectStore } from '../../../src/local-taskcluster/object-store/object-store.js';
import { Services } from '../../../src/local-taskcluster/services.js';

/** Returns the services in their initial state. */
export function servicesForReading(): Services {
  const now = (): Date => new Date();
  return new Services({
    store: new ObjectStore('/nonexistent', now),
    queue: { claimTimeoutMs: 1, longPollMs: 1, credentialsGraceMs: 1 },
    artifactContentLength: 'taken',
    clients: new ClientTable(now),
    roles: new RoleTable(now),
    now,
  });
}
