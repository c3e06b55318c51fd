import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { PAGING, pageOf } from '../http/page.js';
import {
  CANCEL_TASK_GROUP_RESPONSE,
  CHANGE_PRIORITY_REQUEST,
  DEPENDENT_TASKS_RESPONSE,
  GROUP_PRIORITY_RESPONSE,
  LIST_TASK_GROUP_RESPONSE,
  STATUSES_RESPONSE,
  TASKS_RESPONSE,
  TASK_GROUP_RESPONSE,
  TASK_IDS_REQUEST,
} from '../schemas/task-list-schemas.js';
import { changePriorities } from './change-priority.js';
import { priorityOf } from './define-task.js';
import type { Queue } from './queue.js';
import type { Task } from './task.js';

const idOf = ({ taskId }: Task): string => taskId;

/** Returns the queue endpoints for several tasks: by ids, by group, or by the task that they depend on. */
export function taskListEndpoints(queue: Queue, now: () => Date): readonly Endpoint[] {
  return [...bulkEndpoints(queue), ...readEndpoints(queue), ...writeEndpoints(queue, now)];
}

function bulkEndpoints(queue: Queue): readonly Endpoint[] {
  // Ids without a task are left out; callers have to check which tasks were returned.
  const found = (taskIds: readonly string[]): ReadonlySet<Task> =>
    new Set(taskIds.flatMap((taskId) => queue.find(taskId) ?? []));
  return [
    endpoint({
      name: 'tasks',
      method: 'POST',
      route: '/tasks',
      query: PAGING,
      input: TASK_IDS_REQUEST,
      output: TASKS_RESPONSE,
      handle: ({ input: { taskIds }, query, authorize }) => {
        authorize({ AllOf: taskIds.map((taskId) => `queue:get-task:${taskId}`) });
        const { items, next } = pageOf(found(taskIds), idOf, query);
        return { body: { tasks: items.map(({ taskId, definition: task }) => ({ taskId, task })), ...next } };
      },
    }),
    endpoint({
      name: 'statuses',
      method: 'POST',
      route: '/tasks/status',
      query: PAGING,
      input: TASK_IDS_REQUEST,
      output: STATUSES_RESPONSE,
      handle: ({ input: { taskIds }, query, authorize }) => {
        authorize({ AllOf: taskIds.map((taskId) => `queue:status:${taskId}`) });
        const { items, next } = pageOf(found(taskIds), idOf, query);
        return { body: { statuses: items.map((task) => ({ taskId: task.taskId, status: task.status() })), ...next } };
      },
    }),
  ];
}

function readEndpoints(queue: Queue): readonly Endpoint[] {
  return [
    endpoint({
      name: 'listTaskGroup',
      method: 'GET',
      route: '/task-group/<taskGroupId>/list',
      query: PAGING,
      output: LIST_TASK_GROUP_RESPONSE,
      scopes: (param) => `queue:list-task-group:${param('taskGroupId')}`,
      handle: ({ param, query }) => {
        const group = queue.groups.group(param('taskGroupId'));
        const { items, next } = pageOf(queue.groups.tasks(group.taskGroupId), idOf, query);
        return { body: { ...group, tasks: items.map(definitionAndStatus), ...next } };
      },
    }),
    endpoint({
      name: 'getTaskGroup',
      method: 'GET',
      route: '/task-group/<taskGroupId>',
      output: TASK_GROUP_RESPONSE,
      scopes: (param) => `queue:list-task-group:${param('taskGroupId')}`,
      handle: ({ param }) => ({ body: queue.groups.group(param('taskGroupId')) }),
    }),
    endpoint({
      name: 'listDependentTasks',
      method: 'GET',
      route: '/task/<taskId>/dependents',
      query: PAGING,
      output: DEPENDENT_TASKS_RESPONSE,
      scopes: (param) => `queue:list-dependent-tasks:${param('taskId')}`,
      handle: ({ param, query }) => {
        const { taskId } = queue.task(param('taskId'));
        const { items, next } = pageOf(queue.dependents(taskId), idOf, query);
        return { body: { taskId, tasks: items.map(definitionAndStatus), ...next } };
      },
    }),
  ];
}

function writeEndpoints(queue: Queue, now: () => Date): readonly Endpoint[] {
  return [
    endpoint({
      name: 'sealTaskGroup',
      method: 'POST',
      route: '/task-group/<taskGroupId>/seal',
      output: TASK_GROUP_RESPONSE,
      handle: ({ param, authorize }) => {
        const { taskGroupId, schedulerId } = queue.groups.group(param('taskGroupId'));
        authorize(`queue:seal-task-group:${schedulerId}/${taskGroupId}`);
        return { body: queue.groups.seal(taskGroupId, now()) };
      },
    }),
    endpoint({
      name: 'cancelTaskGroup',
      method: 'POST',
      route: '/task-group/<taskGroupId>/cancel',
      output: CANCEL_TASK_GROUP_RESPONSE,
      handle: ({ param, authorize }) => {
        const { taskGroupId, schedulerId } = queue.groups.group(param('taskGroupId'));
        authorize(`queue:cancel-task-group:${schedulerId}/${taskGroupId}`);
        const taskIds = queue.cancelTaskGroup(taskGroupId).map(idOf);
        const taskGroupSize = queue.groups.tasks(taskGroupId).length;
        return { body: { taskGroupId, taskGroupSize, cancelledCount: taskIds.length, taskIds } };
      },
    }),
    endpoint({
      name: 'changeTaskGroupPriority',
      method: 'POST',
      route: '/task-group/<taskGroupId>/priority',
      input: CHANGE_PRIORITY_REQUEST,
      output: GROUP_PRIORITY_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const { taskGroupId, schedulerId } = queue.groups.group(param('taskGroupId'));
        authorize(`queue:change-task-group-priority:${schedulerId}/${taskGroupId}`);
        const newPriority = priorityOf(input.newPriority);
        const taskIds = changePriorities(queue.groups.tasks(taskGroupId), newPriority, now()).map(idOf);
        return { body: { taskGroupId, schedulerId, newPriority, tasksAffected: taskIds.length, taskIds } };
      },
    }),
  ];
}

function definitionAndStatus(task: Task): object {
  return { status: task.status(), task: task.definition };
}
