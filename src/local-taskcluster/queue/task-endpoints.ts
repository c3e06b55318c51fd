import type { ScopeExpression } from '../../lib/queue/scopes.js';
import { endpoint } from '../http/endpoint.js';
import type { Endpoint } from '../http/endpoint.js';
import { STATUS_RESPONSE } from '../schemas/status-schemas.js';
import type { TaskStatus } from '../schemas/status-schemas.js';
import { CHANGE_PRIORITY_REQUEST } from '../schemas/task-list-schemas.js';
import { CREATE_TASK_REQUEST, PRIORITIES, TASK_RESPONSE } from '../schemas/task-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';
import { changePriority } from './change-priority.js';
import { defineTask, priorityOf } from './define-task.js';
import type { Queue } from './queue.js';
import type { Task } from './task.js';

/** Returns the queue endpoints that create, read, schedule, rerun and cancel single tasks. */
export function taskEndpoints(queue: Queue, now: () => Date): readonly Endpoint[] {
  return [
    endpoint({
      name: 'createTask',
      method: 'PUT',
      route: '/task/<taskId>',
      input: CREATE_TASK_REQUEST,
      output: STATUS_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const definition = defineTask(param('taskId'), input, now());
        authorize(creationScopes(definition));
        return { body: { status: queue.createTask(param('taskId'), definition) } };
      },
    }),
    endpoint({
      name: 'task',
      method: 'GET',
      route: '/task/<taskId>',
      output: TASK_RESPONSE,
      scopes: (param) => `queue:get-task:${param('taskId')}`,
      handle: ({ param }) => ({ body: queue.task(param('taskId')).definition }),
    }),
    endpoint({
      name: 'status',
      method: 'GET',
      route: '/task/<taskId>/status',
      output: STATUS_RESPONSE,
      scopes: (param) => `queue:status:${param('taskId')}`,
      handle: ({ param }) => ({ body: { status: queue.task(param('taskId')).status() } }),
    }),
    change(queue, 'schedule', (taskId) => queue.scheduleTask(taskId)),
    change(queue, 'rerun', (taskId) => queue.rerunTask(taskId)),
    change(queue, 'cancel', (taskId) => queue.cancelTask(taskId)),
    endpoint({
      name: 'changeTaskPriority',
      method: 'POST',
      route: '/task/<taskId>/priority',
      input: CHANGE_PRIORITY_REQUEST,
      output: STATUS_RESPONSE,
      handle: ({ param, input, authorize }) => {
        const task = queue.task(param('taskId'));
        const inQueue = `queue:change-task-priority-in-queue:${task.definition.taskQueueId}`;
        authorize({ AnyOf: [`queue:change-task-priority:${task.taskId}`, inQueue] });
        changePriority(task, priorityOf(input.newPriority), now());
        return { body: { status: task.status() } };
      },
    }),
  ];
}

function change(queue: Queue, verb: 'schedule' | 'rerun' | 'cancel', act: (taskId: string) => TaskStatus): Endpoint {
  return endpoint({
    name: `${verb}Task`,
    method: 'POST',
    route: `/task/<taskId>/${verb}`,
    output: STATUS_RESPONSE,
    handle: ({ param, authorize }) => {
      const task = queue.task(param('taskId'));
      authorize(changeScopes(verb, task));
      return { body: { status: act(task.taskId) } };
    },
  });
}

/**
 * Returns the scopes for creating the task: all scopes of the task itself, and the right to create tasks at this
 * priority or a higher one.
 */
function creationScopes(definition: TaskDefinition): ScopeExpression {
  const { priority, taskQueueId, schedulerId, projectId } = definition;
  const priorities = PRIORITIES.slice(0, PRIORITIES.indexOf(priority) + 1);
  return {
    AllOf: [
      ...definition.scopes,
      ...definition.routes.map((route) => `queue:route:${route}`),
      `queue:create-task:project:${projectId}`,
      `queue:scheduler-id:${schedulerId}`,
      { AnyOf: priorities.map((each) => `queue:create-task:${each}:${taskQueueId}`) },
    ],
  };
}

function changeScopes(
  verb: string,
  { taskId, definition: { schedulerId, taskGroupId, projectId } }: Task,
): ScopeExpression {
  return {
    AnyOf: [
      `queue:${verb}-task:${schedulerId}/${taskGroupId}/${taskId}`,
      `queue:${verb}-task-in-project:${projectId}`,
      { AllOf: [`queue:${verb}-task`, `assume:scheduler-id:${schedulerId}/${taskGroupId}`] },
    ],
  };
}
