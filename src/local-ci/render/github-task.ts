import type { JsonObject } from '../model.js';
import { isObject, kindOf, RenderProblem } from './render-problem.js';

/** The scheduler of the tasks that the github service creates; in version 1 a task's own wins. */
export const SCHEDULER_ID = 'taskcluster-github';

/** The routes by which the github service hears of its tasks: it reports them as checks or as statuses of a commit. */
export type ReportingRoute = 'checks' | 'statuses';

/** Returns the tasks of what was rendered, none when `tasks` was left out. Throws RenderProblem unless all are maps. */
export function renderedTasks(tasks: unknown): readonly JsonObject[] {
  if (tasks === undefined) return [];
  if (!Array.isArray(tasks)) {
    // The two blanks are the service's.
    const found = `they were rendered to ${kindOf(tasks)}`;
    throw new RenderProblem(`tasks field  of .taskcluster.yml must be array of tasks or empty array (${found})`);
  }
  const list: readonly unknown[] = tasks;
  return list.map((task, index) => {
    if (isObject(task)) return task;
    const advice = Array.isArray(task) ? '; $flatten makes one list of several' : '';
    throw new RenderProblem(
      `tasks[${index}] must be a task, which is a map, and was rendered to ${kindOf(task)}${advice}`,
    );
  });
}

/** Returns the task's routes and, once, the one of the service. `place` names the task in the RenderProblem. */
export function withReportingRoute({ routes }: JsonObject, route: ReportingRoute, place: string): readonly unknown[] {
  if (routes === undefined || routes === null) return [route];
  if (!Array.isArray(routes))
    throw new RenderProblem(`${place}.routes must be a list of routes, not ${kindOf(routes)}`);
  return [...new Set<unknown>([...(routes as readonly unknown[]), route])];
}
