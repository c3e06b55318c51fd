import type { GithubTrigger, JsonObject, RenderedGraph, RenderedTask } from '../model.js';
import { checkBranchName } from './branch-name.js';
import type { FileOfVersion1 } from './check-file.js';
import { inDependencyOrder } from './dependency-order.js';
import { scopesOfVersion1 } from './github-scopes.js';
import { renderedTasks, SCHEDULER_ID, withReportingRoute } from './github-task.js';
import type { ReportingRoute } from './github-task.js';
import { hooksOf } from './hooks.js';
import { nameOfRef } from './push-ref.js';
import type { RenderOptions } from './render-options.js';
import { isObject, kindOf, RenderProblem } from './render-problem.js';
import { slugids } from './slugids.js';
import { renderTemplate } from './template.js';

/** Renders a file of version 1 as the github service does. Throws RenderProblem, or RangeError for what is too large. */
export function renderVersion1(file: FileOfVersion1, trigger: GithubTrigger, options: RenderOptions): RenderedGraph {
  checkBranchName(branchOf(trigger));
  const rendered = renderTemplate(file.template, contextOf(trigger, options)) as JsonObject;
  const route = rendered['reporting'] ? 'checks' : 'statuses';
  const tasks = compile(renderedTasks(rendered['tasks']), route, options);
  const taskGroupId = tasks[0]?.task['taskGroupId'];
  return {
    taskGroupId: typeof taskGroupId === 'string' ? taskGroupId : undefined,
    tasks,
    scopes: scopesOfVersion1(trigger, route),
    hooks: hooksOf(file.hooks),
  };
}

/** The branch, or the tag, of the event; a comment's isn't known when the service looks at it. */
function branchOf({ tasksFor, body }: GithubTrigger): unknown {
  const at = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);
  if (tasksFor === 'github-push') return nameOfRef(body['ref']);
  if (tasksFor === 'github-release') return at(body['release'], 'target_commitish');
  return tasksFor === 'github-issue-comment' ? undefined : at(at(body['pull_request'], 'head'), 'ref');
}

/** What a template can read; the rest of JSON-e's context are its own functions. */
function contextOf({ tasksFor, body }: GithubTrigger, { rootUrl, now, newTaskId }: RenderOptions): object {
  return {
    tasks_for: tasksFor,
    event: body,
    as_slugid: slugids(newTaskId),
    taskcluster_root_url: rootUrl,
    now: now.toISOString(),
  };
}

/** Adds what tasks lack, and sorts them. */
function compile(
  tasks: readonly JsonObject[],
  route: ReportingRoute,
  { now, newTaskId }: RenderOptions,
): readonly RenderedTask[] {
  const idsOf = tasks.length === 1 ? idsOfSoleTask(newTaskId) : idsOfSeveral(newTaskId);
  const completed = tasks.map((task, index) => {
    const routes = withReportingRoute(task, route, `tasks[${index}]`);
    const all = { schedulerId: SCHEDULER_ID, created: now.toISOString(), ...idsOf(task), ...task, routes };
    const { taskId, ...rest } = all as JsonObject;
    if (typeof taskId === 'string' && taskId !== '') return { taskId, task: rest };
    throw new RenderProblem(`tasks[${index}].taskId must be a text (as_slugid makes one), not ${kindOf(taskId)}`);
  });
  return inDependencyOrder(completed);
}

type Ids = (task: JsonObject) => { readonly taskId: unknown; readonly taskGroupId: unknown };

/** A sole task gets one id for itself and its group, which makes it a decision task. */
function idsOfSoleTask(newTaskId: () => string): Ids {
  const fresh = newTaskId();
  return ({ taskId, taskGroupId }) => ({ taskId: taskGroupId ?? fresh, taskGroupId: taskId ?? fresh });
}

/** Several tasks are in a group without a decision task. */
function idsOfSeveral(newTaskId: () => string): Ids {
  const taskGroupId = newTaskId();
  return () => ({ taskId: newTaskId(), taskGroupId });
}
