import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import { authEndpoints } from '../../../src/local-taskcluster/auth/auth-endpoints.js';
import { RoleTable } from '../../../src/local-taskcluster/auth/role-table.js';
import type { Endpoint } from '../../../src/local-taskcluster/http/endpoint.js';
import { objectEndpoints } from '../../../src/local-taskcluster/object/object-endpoints.js';
import { ObjectTable } from '../../../src/local-taskcluster/object/object-table.js';
import { ObjectStore } from '../../../src/local-taskcluster/object-store/object-store.js';
import { SignedUrls } from '../../../src/local-taskcluster/object-store/signed-urls.js';
import { artifactEndpoints } from '../../../src/local-taskcluster/queue/artifact-endpoints.js';
import { ArtifactTable } from '../../../src/local-taskcluster/queue/artifact-table.js';
import { claimEndpoints } from '../../../src/local-taskcluster/queue/claim-endpoints.js';
import { ObjectArtifacts } from '../../../src/local-taskcluster/queue/object-artifacts.js';
import { Queue } from '../../../src/local-taskcluster/queue/queue.js';
import { taskEndpoints } from '../../../src/local-taskcluster/queue/task-endpoints.js';
import { taskListEndpoints } from '../../../src/local-taskcluster/queue/task-list-endpoints.js';
import { taskQueueEndpoints } from '../../../src/local-taskcluster/queue/task-queue-endpoints.js';
import { supportingServices } from '../../../src/local-taskcluster/supporting-services.js';

interface Reference {
  readonly name: string;
  readonly method: string;
  readonly route: string;
  readonly input?: string;
  readonly query?: readonly string[];
}

/** What the client library believes of a method. */
function referenceOf(client: abstract new (...args: never[]) => unknown, name: string): Reference | undefined {
  const methods = client.prototype as Readonly<Record<string, { readonly entryReference?: Reference } | undefined>>;
  return methods[name]?.entryReference;
}

const now = (): Date => new Date();
const issuer = { clientId: 'issuer', accessToken: 'secret', scopes: ['*'] };
const queue = new Queue({ claimTimeoutMs: 1, longPollMs: 1, credentialsGraceMs: 1, now, issuer });
const urls = new SignedUrls(now);
const objects = new ObjectTable(now);
const objectArtifacts = new ObjectArtifacts({ objects, urls, now, issuer });
const services = { queue, artifacts: new ArtifactTable(now), urls, objects: objectArtifacts };
const store = new ObjectStore('/nonexistent', now);
const supporting = supportingServices(now, issuer);

for (const [service, client, endpoints] of [
  ['auth', clients.Auth, authEndpoints(new RoleTable())],
  [
    'queue',
    clients.Queue,
    [
      ...taskEndpoints(queue, now),
      ...taskListEndpoints(queue, now),
      ...taskQueueEndpoints(queue),
      ...claimEndpoints(queue),
      ...artifactEndpoints(services),
    ],
  ],
  ['object', clients.Object, objectEndpoints({ objects, store, urls })],
  ['index', clients.Index, supporting.index],
  ['purge-cache', clients.PurgeCache, supporting['purge-cache']],
  ['secrets', clients.Secrets, supporting.secrets],
  ['worker-manager', clients.WorkerManager, supporting['worker-manager']],
] as const) {
  describe(`the endpoints of the local ${service} service`, () => {
    for (const endpoint of endpoints as readonly Endpoint[]) {
      it(`have ${endpoint.name} where the client library looks for it`, () => {
        const reference = referenceOf(client, endpoint.name);
        assert.deepEqual(
          [endpoint.method.toLowerCase(), endpoint.route, endpoint.takesInput, [...(endpoint.query ?? [])].sort()],
          [reference?.method, reference?.route, reference?.input !== undefined, [...(reference?.query ?? [])].sort()],
        );
      });
    }
  });
}
