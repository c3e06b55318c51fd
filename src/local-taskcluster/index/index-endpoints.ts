import { client as hawkClient } from 'hawk';
import { satisfies } from '../../lib/queue/scopes.js';
import type { PermanentClient } from '../auth/client-table.js';
import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { ApiCall, ApiReply, Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import type { FindArtifact } from '../queue/find-artifact.js';
import {
  INDEXED_TASK_RESPONSE,
  INSERT_TASK_REQUEST,
  LIST_NAMESPACES_RESPONSE,
  LIST_TASKS_RESPONSE,
  TASKS_AT_INDEX_REQUEST,
} from '../schemas/index-schemas.js';
import type { IndexTable, IndexedTask } from './index-table.js';

const LINK_SECONDS = 15 * 60;
const GET_ARTIFACT = 'queue:get-artifact:';

const pathOf = ({ namespace }: IndexedTask): string => namespace;

interface IndexServices {
  readonly index: IndexTable;
  readonly findArtifact: FindArtifact;
  /** Returns whether every caller may read artifacts of this name. */
  readonly isPublic: (name: string) => boolean;
  /** Signs the addresses of other artifacts. */
  readonly issuer: PermanentClient;
}

/** Returns the endpoints of the index service. */
export function indexEndpoints(services: IndexServices): readonly Endpoint[] {
  const { index } = services;
  return [
    ...taskEndpoints(index),
    ...listEndpoints(index),
    endpoint({
      name: 'findArtifactFromTask',
      method: 'GET',
      route: '/task/<indexPath>/artifacts/<name>',
      scopes: (param) => `${GET_ARTIFACT}${param('name')}`,
      handle: (call) => redirect(services, call),
    }),
  ];
}

/**
 * Redirects to the artifact itself if it is public, or else to the queue with a signed address that this caller may
 * read.
 */
function redirect({ index, findArtifact, isPublic, issuer }: IndexServices, call: ApiCall<unknown>): ApiReply {
  const name = call.param('name');
  const { taskId } = index.get(call.param('indexPath'));
  const mayRead = isPublic(name) ? isPublic : (each: string) => satisfies(call.scopes, GET_ARTIFACT + each);
  const artifact = findArtifact(taskId, name, mayRead);
  const inQueue = `${call.baseUrl}/api/queue/v1/task/${taskId}/artifacts/${encodeURIComponent(name)}`;
  const url = isPublic(name) ? (artifact?.url ?? inQueue) : signed(inQueue, call.scopes, issuer);
  return { status: 303, headers: { location: url }, body: { storageType: artifact?.storageType, url } };
}

function taskEndpoints(index: IndexTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'findTask',
      method: 'GET',
      route: '/task/<indexPath>',
      output: INDEXED_TASK_RESPONSE,
      scopes: (param) => `index:find-task:${param('indexPath')}`,
      handle: ({ param }) => ({ body: index.get(param('indexPath')) }),
    }),
    endpoint({
      name: 'insertTask',
      method: 'PUT',
      route: '/task/<namespace>',
      input: INSERT_TASK_REQUEST,
      output: INDEXED_TASK_RESPONSE,
      scopes: (param) => `index:insert-task:${param('namespace')}`,
      handle: ({ param, input }) => {
        if (param('namespace') === '') throw new ApiError('ResourceNotFound', 'A task needs a path to be indexed at.');
        return { body: index.insert(param('namespace'), input) };
      },
    }),
    endpoint({
      name: 'deleteTask',
      method: 'DELETE',
      route: '/task/<namespace>',
      scopes: (param) => `index:delete-task:${param('namespace')}`,
      handle: ({ param }) => {
        index.delete(param('namespace'));
        return { body: {} };
      },
    }),
  ];
}

function listEndpoints(index: IndexTable): readonly Endpoint[] {
  return [
    endpoint({
      name: 'findTasksAtIndex',
      method: 'POST',
      route: '/tasks/indexes',
      query: PAGING,
      input: TASKS_AT_INDEX_REQUEST,
      output: LIST_TASKS_RESPONSE,
      handle: ({ input: { indexes }, query, authorize }) => {
        authorize({ AllOf: indexes.map((path) => `index:find-task:${path}`) });
        const found = [...new Set(indexes)].flatMap((path) => index.find(path) ?? []);
        const { items: tasks, next } = pageOf(found, pathOf, query);
        return { body: { tasks, ...next } };
      },
    }),
    endpoint({
      name: 'listTasks',
      method: 'GET',
      route: '/tasks/<namespace>',
      query: PAGING,
      output: LIST_TASKS_RESPONSE,
      scopes: (param) => `index:list-tasks:${param('namespace')}`,
      handle: ({ param, query }) => {
        const { items: tasks, next } = pageOf(index.tasksIn(param('namespace')), pathOf, query);
        return { body: { tasks, ...next } };
      },
    }),
    endpoint({
      name: 'listNamespaces',
      method: 'GET',
      route: '/namespaces/<namespace>',
      query: PAGING,
      output: LIST_NAMESPACES_RESPONSE,
      scopes: (param) => `index:list-namespaces:${param('namespace')}`,
      handle: ({ param, query }) => {
        const found = index.namespacesIn(param('namespace'));
        const { items: namespaces, next } = pageOf(found, ({ name }) => name, query);
        return { body: { namespaces, ...next } };
      },
    }),
  ];
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
