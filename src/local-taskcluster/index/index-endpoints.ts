import { ApiError } from '../http/api-error.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  INDEXED_TASK_RESPONSE,
  INSERT_TASK_REQUEST,
  LIST_NAMESPACES_RESPONSE,
  LIST_TASKS_RESPONSE,
  TASKS_AT_INDEX_REQUEST,
} from '../schemas/index-schemas.js';
import { GET_ARTIFACT, artifactRedirect } from './artifact-redirect.js';
import type { RedirectServices } from './artifact-redirect.js';
import type { IndexTable, IndexedTask } from './index-table.js';

const pathOf = ({ namespace }: IndexedTask): string => namespace;

/** Returns the endpoints of the index service. */
export function indexEndpoints(index: IndexTable, redirects: RedirectServices): readonly Endpoint[] {
  return [
    ...taskEndpoints(index),
    ...listEndpoints(index),
    endpoint({
      name: 'findArtifactFromTask',
      method: 'GET',
      route: '/task/<indexPath>/artifacts/<name>',
      scopes: (param) => `${GET_ARTIFACT}${param('name')}`,
      handle: (call) => artifactRedirect(redirects, call, index.get(call.param('indexPath')).taskId),
    }),
  ];
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
