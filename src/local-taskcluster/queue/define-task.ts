import { ApiError } from '../http/api-error.js';
import type { CreateTaskRequest, Priority, TaskDefinition } from '../schemas/task-schemas.js';

const CLOCK_SKEW_MS = 15 * 60_000;
const FURTHEST_DEADLINE_MS = 5 * 24 * 60 * 60_000;

/** Returns the full definition of a new task: defaults filled in, times in one format. Throws InputError. */
export function defineTask(taskId: string, request: CreateTaskRequest, now: Date): TaskDefinition {
  const { provisionerId, workerType, taskQueueId } = poolOf(request);
  const deadline = new Date(request.deadline);
  const expires = request.expires === undefined ? oneYearAfter(deadline) : new Date(request.expires);
  checkTimes(new Date(request.created), deadline, expires, now);
  if (request.scopes.some((scope) => scope.endsWith('**')))
    throw new ApiError('InputError', 'Scopes must not end with **.');
  return {
    ...request,
    provisionerId,
    workerType,
    taskQueueId,
    taskGroupId: request.taskGroupId ?? taskId,
    priority: priorityOf(request.priority),
    created: new Date(request.created).toJSON(),
    deadline: deadline.toJSON(),
    expires: expires.toJSON(),
  };
}

/** Returns the priority for a name; `normal` is an old name for the lowest one. */
export function priorityOf(name: Priority | 'normal'): Priority {
  return name === 'normal' ? 'lowest' : name;
}

function poolOf(request: CreateTaskRequest): {
  readonly provisionerId: string;
  readonly workerType: string;
  readonly taskQueueId: string;
} {
  const parts = request.taskQueueId?.split('/') ?? [];
  const provisionerId = request.provisionerId ?? parts[0];
  const workerType = request.workerType ?? parts[1];
  if (provisionerId === undefined || workerType === undefined) {
    throw new ApiError('InputError', 'A task needs a taskQueueId, or both provisionerId and workerType.');
  }
  const taskQueueId = `${provisionerId}/${workerType}`;
  if (request.taskQueueId !== undefined && request.taskQueueId !== taskQueueId) {
    throw new ApiError('InputError', `taskQueueId ${request.taskQueueId} contradicts ${taskQueueId}.`);
  }
  return { provisionerId, workerType, taskQueueId };
}

function oneYearAfter(date: Date): Date {
  const later = new Date(date);
  later.setUTCFullYear(later.getUTCFullYear() + 1);
  return later;
}

function checkTimes(created: Date, deadline: Date, expires: Date, now: Date): void {
  const refuse = (problem: string): never => {
    throw new ApiError('InputError', problem);
  };
  if (created.getTime() < now.getTime() - CLOCK_SKEW_MS) refuse('created is more than 15 minutes in the past.');
  if (created.getTime() > now.getTime() + CLOCK_SKEW_MS) refuse('created is more than 15 minutes in the future.');
  if (created > deadline) refuse('deadline is before created.');
  if (deadline < now) refuse('deadline is in the past.');
  if (deadline.getTime() > now.getTime() + FURTHEST_DEADLINE_MS + CLOCK_SKEW_MS) {
    refuse('deadline is more than 5 days in the future.');
  }
  if (deadline > expires) refuse('expires is before deadline.');
}
