import { trimEnd } from '../../lib/util/trim-end.js';
import type { GithubTrigger, JsonObject, RenderedGraph } from '../model.js';
import { checkBranchName } from './branch-name.js';
import type { FileOfVersion0 } from './check-file.js';
import { githubVariables } from './github-variables.js';
import { scopesOfVersion0 } from './github-scopes.js';
import { renderedTasks, SCHEDULER_ID, withReportingRoute } from './github-task.js';
import type { RenderOptions } from './render-options.js';
import { isObject, kindOf, RenderProblem } from './render-problem.js';
import { renderTemplate, substitute } from './template.js';

/** Stands for the name of a deployment's setting that has no value. */
const NO_SETTING = 'unknown';

/** Renders a file of version 0 as the github service does. Throws RenderProblem, or RangeError for what is too large. */
export function renderVersion0(file: FileOfVersion0, trigger: GithubTrigger, options: RenderOptions): RenderedGraph {
  const rendered = substitute(file.template, parametersOf(trigger, options));
  const tasks = renderedTasks(rendered['tasks'])
    .map((task, index) => ({ task, place: `tasks[${index}]` }))
    .filter(({ task, place }) => isFor(trigger, task, place))
    .map(({ task, place }) => ({ taskId: options.newTaskId(), task, place }));
  checkBranchName(trigger.details['event.base.repo.branch']);
  checkBranchName(trigger.details['event.head.repo.branch']);
  const taskGroupId = tasks[0]?.taskId;
  return {
    taskGroupId,
    tasks: tasks.map(({ taskId, task, place }) => ({
      taskId,
      task: {
        ...withVariables(task, trigger),
        routes: withReportingRoute(task, 'statuses', place),
        taskGroupId,
        schedulerId: SCHEDULER_ID,
      },
    })),
    scopes: scopesOfVersion0(trigger),
    hooks: [],
  };
}

/** What `{{ … }}` may name, without what every object inherits. */
function parametersOf(
  { details, organization, repository }: GithubTrigger,
  { now }: RenderOptions,
): Readonly<Record<string, unknown>> {
  const fromNow = (text: unknown = ''): unknown =>
    renderTemplate({ $eval: 'fromNow(text)' }, { text: String(text), now: now.toISOString() });
  const parameters: Record<string, unknown> = {
    ...details,
    $fromNow: fromNow,
    timestamp: now.getTime(),
    organization,
    repository,
    'taskcluster.docker.provisionerId': NO_SETTING,
    'taskcluster.docker.workerType': NO_SETTING,
  };
  return Object.assign(Object.create(null) as Record<string, unknown>, parameters);
}

/** Whether a task is one of this event's: what it says of that is in `extra.github`. */
function isFor({ details }: GithubTrigger, { extra }: JsonObject, place: string): boolean {
  const github = isObject(extra) ? extra['github'] : undefined;
  if (!github) return false;
  const at = `${place}.extra.github`;
  if (!isObject(github)) throw new RenderProblem(`${at} must be a map with "events", not ${kindOf(github)}`);
  const { events, branches, excludeBranches } = github;
  if (branches && excludeBranches) {
    throw new RenderProblem(`Cannot specify both \`branches\` and \`excludeBranches\` in the same task! (${at})`);
  }
  const { 'event.type': type = '', 'event.base.repo.branch': branch = '' } = details as Readonly<
    Record<string, string>
  >;
  if (!eventsOf(events, at).some((event) => type.startsWith(trimEnd(event, '*')))) return false;
  if (type !== 'push') return true;
  if (branches) return contains(branches, branch, `${at}.branches`);
  return !excludeBranches || !contains(excludeBranches, branch, `${at}.excludeBranches`);
}

function eventsOf(events: unknown, place: string): readonly string[] {
  if (Array.isArray(events) && events.every((event) => typeof event === 'string')) return events;
  // What the service fails with is what people search for.
  const service = events === undefined ? " (Cannot read properties of undefined (reading 'some'))" : '';
  throw new RenderProblem(`${place}.events must be a list of events, such as [push]${service}`);
}

/** A text instead of a list is searched for the branch, as the service does. */
function contains(branches: unknown, branch: string, place: string): boolean {
  if (typeof branches === 'string' || Array.isArray(branches)) return branches.includes(branch);
  throw new RenderProblem(`${place} must be a list of branches, not ${kindOf(branches)}`);
}

/** Adds the variables about the event to a task that asks for them; a payload that is no map is for others to refuse. */
function withVariables(task: JsonObject, { details }: GithubTrigger): JsonObject {
  const { extra, payload } = task as { readonly extra: { readonly github: JsonObject }; readonly payload: unknown };
  if (!extra.github['env'] || !isObject(payload)) return task;
  const { env = {} } = payload;
  if (!isObject(env)) return task;
  return { ...task, payload: { ...payload, env: { ...env, ...githubVariables(details) } } };
}
