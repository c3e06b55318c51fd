import type { PayloadValidator } from '../../lib/task/validate-payload.js';
import { ApiError } from '../http/api-error.js';
import { defineTask } from '../queue/define-task.js';
import { CREATE_TASK_REQUEST } from '../schemas/task-schemas.js';
import type { TaskDefinition } from '../schemas/task-schemas.js';

/** Pools whose tasks are not for docker-worker. */
const OTHER_PAYLOADS = 'built-in/';
const NO_TASK = 'AAAAAAAAQAAAAAAAAAAAAA';

/** A problem of a definition and where it is: names of properties and indices from the root, joined by slashes. */
export interface DefinitionProblem {
  readonly path: string;
  readonly message: string;
}

/** Returns all problems that createTask and a docker-worker would find in the definition. */
export async function checkDefinition(definition: unknown, now: Date): Promise<readonly DefinitionProblem[]> {
  const checked = CREATE_TASK_REQUEST.check(definition);
  if ('problems' in checked) {
    const { payload } = Object(definition) as { readonly payload?: unknown };
    return [...checked.problems.map((text) => placed(text, '')), ...(await payloadProblems(payload, timesFrom(now)))];
  }
  try {
    const task = defineTask(NO_TASK, checked.value, now);
    return task.taskQueueId.startsWith(OTHER_PAYLOADS) ? [] : await payloadProblems(task.payload, task);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const path = /^(\w+) (?:is|contradicts)/.exec(error.message)?.[1] ?? '';
    return [{ path: path === '' ? '' : `/${path}`, message: error.message }];
  }
}

/** Times for a payload whose definition can't be used yet: they refuse nothing. */
function timesFrom(now: Date): Pick<TaskDefinition, 'created' | 'deadline' | 'expires'> {
  const later = new Date(now.getTime() + 100 * 365 * 24 * 60 * 60_000).toJSON();
  return { created: now.toJSON(), deadline: later, expires: later };
}

async function payloadProblems(payload: unknown, task: Partial<TaskDefinition>): Promise<readonly DefinitionProblem[]> {
  if (typeof payload !== 'object' || payload === null) return [];
  const check = await payloadCheck();
  const result = check({ ...(task as TaskDefinition), payload });
  return 'problems' in result ? result.problems.map((text) => placed(text, '/payload')) : [];
}

let validator: Promise<PayloadValidator> | undefined;

/** Compiled when it is first needed: most servers never check a payload. */
function payloadCheck(): Promise<PayloadValidator> {
  validator ??= import('../../lib/task/validate-payload.js').then(({ payloadValidator }) =>
    payloadValidator(undefined),
  );
  return validator;
}

/** The schemas' problems begin with the place, as `data/payload/image must …`. */
function placed(text: string, root: string): DefinitionProblem {
  const [, place = '', message = text] = /^data([^ ]*) ([^]*)$/.exec(text) ?? [];
  const [words, extra] = /^(?:must|should) NOT have additional properties: "([^"/]{1,100})"/.exec(message) ?? [];
  if (words === undefined || extra === undefined) return { path: root + place, message };
  // The property is the place, rather than what has it.
  return { path: `${root}${place}/${extra}`, message: message.replace(words, 'is not a property there') };
}
