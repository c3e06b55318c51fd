import type { ContextTrigger, JsonObject, RenderedGraph, RenderedTask } from '../model.js';
import { renderedTasks } from './github-task.js';
import type { RenderOptions } from './render-options.js';
import { isObject, kindOf, RenderProblem } from './render-problem.js';
import { slugids } from './slugids.js';
import { renderTemplate } from './template.js';

/** These are started by a hook, which is made of the first item of `tasks` alone. */
const ACTIONS: readonly string[] = ['action', 'pr-action'];
/** Has what the github service gives to templates too. */
const GIT_PUSH = 'git-push';

/**
 * Renders a file of version 1 as the other renderers do: with the whole context as it is given, and to exactly one task.
 * Throws RenderProblem, or RangeError for what is too large.
 */
export function renderForContext(content: unknown, trigger: ContextTrigger, options: RenderOptions): RenderedGraph {
  const { tasksFor } = trigger;
  const file = fileOf(content, tasksFor);
  const ownTaskId = ownTaskIdOf(trigger, options);
  const template = ACTIONS.includes(tasksFor) ? { tasks: [firstOf(file['tasks'])] } : file;
  const rendered = renderTemplate(template, contextOf(trigger, ownTaskId, options)) as JsonObject;
  const [sole, ...others] = renderedTasks(rendered['tasks']);
  if (!sole || others.length > 0) {
    const count = sole ? others.length + 1 : 0;
    throw new RenderProblem(`tasks_for "${tasksFor}" must give exactly one task, and the file gives ${count}`);
  }
  const { taskId, task: own } = withoutId(sole, ownTaskId);
  const task = ACTIONS.includes(tasksFor) ? byHook(own, taskId, options) : own;
  const { taskGroupId = taskId } = task;
  return {
    taskGroupId: typeof taskGroupId === 'string' ? taskGroupId : undefined,
    tasks: [{ taskId, task }],
    scopes: scopesToCreate(task),
    hooks: [],
  };
}

function fileOf(content: unknown, tasksFor: string): JsonObject {
  if (!isObject(content)) {
    throw new RenderProblem(`the file must hold a map with "version" and "tasks", not ${kindOf(content)}`);
  }
  if (content['version'] === 1) return content;
  throw new RenderProblem(`only files with "version: 1" can be rendered for tasks_for "${tasksFor}"`);
}

function firstOf(tasks: unknown): unknown {
  if (Array.isArray(tasks) && tasks.length > 0) return tasks[0] as unknown;
  throw new RenderProblem(
    'an action is rendered from the first item of tasks: tasks must be a list in the file itself',
  );
}

function ownTaskIdOf({ context }: ContextTrigger, { newTaskId }: RenderOptions): string {
  const { ownTaskId = newTaskId() } = context;
  if (typeof ownTaskId === 'string' && ownTaskId !== '') return ownTaskId;
  throw new RenderProblem(`ownTaskId in the context must be a text, not ${kindOf(ownTaskId)}`);
}

function contextOf({ context, tasksFor }: ContextTrigger, ownTaskId: string, options: RenderOptions): object {
  const { rootUrl, now, newTaskId } = options;
  return {
    taskcluster_root_url: rootUrl,
    now: now.toISOString(),
    ...(tasksFor === GIT_PUSH ? { as_slugid: slugids(newTaskId) } : {}),
    ...context,
    tasks_for: tasksFor,
    ownTaskId,
  };
}

/** Adds what the hooks service adds to a task. */
function byHook(task: JsonObject, taskId: string, { now }: RenderOptions): JsonObject {
  const times = { created: { $fromNow: '' }, deadline: { $fromNow: '1 day' }, expires: { $fromNow: '1 month' } };
  const defaults = renderTemplate(times, { now: now.toISOString() }) as JsonObject;
  return { ...defaults, taskGroupId: taskId, ...task };
}

/** Takes the task's id off it, which is `ownTaskId` as a rule; actions may leave it out. */
function withoutId({ taskId, ...task }: JsonObject, ownTaskId: string): RenderedTask {
  if (taskId === undefined) return { taskId: ownTaskId, task };
  if (typeof taskId === 'string' && taskId !== '') return { taskId, task };
  throw new RenderProblem(`tasks[0].taskId must be a text, such as \${ownTaskId}, not ${kindOf(taskId)}`);
}

/** With which scopes it is created elsewhere can't be known here, so these are the ones that this takes. */
function scopesToCreate(task: JsonObject): readonly string[] {
  const text = (key: string, other: string): string => (typeof task[key] === 'string' ? task[key] : other);
  const list = (key: string): readonly unknown[] => (Array.isArray(task[key]) ? task[key] : []);
  const queue = text('taskQueueId', `${text('provisionerId', '')}/${text('workerType', '')}`);
  return [
    ...list('scopes').filter((scope) => typeof scope === 'string'),
    ...list('routes').map((route) => `queue:route:${String(route)}`),
    `queue:scheduler-id:${text('schedulerId', '-')}`,
    `queue:create-task:project:${text('projectId', 'none')}`,
    `queue:create-task:${text('priority', 'lowest')}:${queue}`,
  ];
}
