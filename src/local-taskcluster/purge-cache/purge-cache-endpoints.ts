import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import { ALL_PURGE_REQUEST_LIST, PURGE_CACHE_REQUEST, PURGE_REQUEST_LIST } from '../schemas/purge-cache-schemas.js';

const LIFETIME_MS = 24 * 60 * 60_000;

interface PurgeRequest {
  readonly workerPoolId: string;
  readonly cacheName: string;
  readonly before: Date;
}

/**
 * Returns the endpoints of the purge-cache service: requests to drop cached contents from before a time, kept for a
 * day.
 */
export function purgeCacheEndpoints(now: () => Date): readonly Endpoint[] {
  const requests = new Map<string, PurgeRequest>();
  const open = (): readonly PurgeRequest[] =>
    [...requests.values()].filter(({ before }) => before.getTime() + LIFETIME_MS > now().getTime());
  return [
    endpoint({
      name: 'purgeCache',
      method: 'POST',
      route: '/purge-cache/<workerPoolId>',
      input: PURGE_CACHE_REQUEST,
      handle: ({ param, input: { cacheName }, authorize }) => {
        const request = { workerPoolId: param('workerPoolId'), cacheName, before: now() };
        authorize(`purge-cache:${request.workerPoolId}:${cacheName}`);
        requests.set(keyOf(request), request);
        return { status: 204 };
      },
    }),
    endpoint({
      name: 'purgeRequests',
      method: 'GET',
      route: '/purge-cache/<workerPoolId>',
      query: ['since'],
      output: PURGE_REQUEST_LIST,
      // The service requires the two colons.
      scopes: (param) => `purge-cache:purge-requests::${param('workerPoolId')}`,
      handle: ({ param, query }) => {
        const since = parseSince(query['since']);
        const matching = open().filter(
          ({ workerPoolId, before }) => workerPoolId === param('workerPoolId') && before >= since,
        );
        return { body: { requests: matching.map(shown) } };
      },
    }),
    endpoint({
      name: 'allPurgeRequests',
      method: 'GET',
      route: '/purge-cache/list',
      query: PAGING,
      output: ALL_PURGE_REQUEST_LIST,
      scopes: () => 'purge-cache:all-purge-requests',
      handle: ({ query }) => {
        const { items, next } = pageOf(open(), keyOf, query);
        return { body: { requests: items.map(shown), ...next } };
      },
    }),
  ];
}

function keyOf({ workerPoolId, cacheName }: PurgeRequest): string {
  return `${workerPoolId}/${cacheName}`;
}

function parseSince(text: string | undefined): Date {
  const since = new Date(text ?? 0);
  if (!Number.isNaN(since.getTime())) return since;
  throw new ApiError('InvalidRequestArguments', `since=${String(text)} is not a date.`);
}

function shown({ workerPoolId, cacheName, before }: PurgeRequest): object {
  const [provisionerId, workerType] = workerPoolId.split('/');
  return { provisionerId, workerType, cacheName, before: before.toJSON() };
}
