import { client as hawkClient } from 'hawk';
import { satisfies } from '../../lib/queue/scopes.js';
import type { PermanentClient } from '../auth/client-table.js';
import type { ApiCall, ApiReply } from '../http/endpoint.js';
import type { FindArtifact } from '../queue/find-artifact.js';

const LINK_SECONDS = 15 * 60;

export const GET_ARTIFACT = 'queue:get-artifact:';

export interface RedirectServices {
  readonly findArtifact: FindArtifact;
  /** Returns whether every caller may read artifacts of this name. */
  readonly isPublic: (name: string) => boolean;
  /** Signs the addresses of other artifacts. */
  readonly issuer: PermanentClient;
}

/**
 * Redirects to the task's artifact itself if it is public, or else to the queue with a signed address that this caller
 * may read.
 */
export function artifactRedirect(
  { findArtifact, isPublic, issuer }: RedirectServices,
  call: Pick<ApiCall<unknown>, 'param' | 'scopes' | 'baseUrl'>,
  taskId: string,
): ApiReply {
  const name = call.param('name');
  const mayRead = isPublic(name) ? isPublic : (each: string) => satisfies(call.scopes, GET_ARTIFACT + each);
  const artifact = findArtifact(taskId, name, mayRead);
  const inQueue = `${call.baseUrl}/api/queue/v1/task/${taskId}/artifacts/${encodeURIComponent(name)}`;
  const url = isPublic(name) ? (artifact?.url ?? inQueue) : signed(inQueue, call.scopes, issuer);
  return { status: 303, headers: { location: url }, body: { storageType: artifact?.storageType, url } };
}

/** Returns the address, signed for the artifacts that a caller with these scopes may read itself. */
function signed(url: string, scopes: readonly string[], issuer: PermanentClient): string {
  const ext = Buffer.from(JSON.stringify({ authorizedScopes: scopes.flatMap(readingPart) })).toString('base64');
  const credentials = { id: issuer.clientId, key: issuer.accessToken, algorithm: 'sha256' } as const;
  return `${url}?bewit=${hawkClient.getBewit(url, { credentials, ttlSec: LINK_SECONDS, localtimeOffsetMsec: 0, ext })}`;
}

/** Returns the part of a scope that covers reading artifacts. */
function readingPart(scope: string): readonly string[] {
  if (scope.startsWith(GET_ARTIFACT)) return [scope];
  return scope.endsWith('*') && GET_ARTIFACT.startsWith(scope.slice(0, -1)) ? [`${GET_ARTIFACT}*`] : [];
}
