import { nice as newSlugid } from 'slugid';
import { testTask } from '../support/test-task.js';
import { KINDS } from './kinds.js';
import type { Kind } from './kinds.js';

export interface PlannedTask {
  readonly taskId: string;
  readonly name: string;
  readonly kind: Kind;
  readonly definition: Readonly<Record<string, unknown>>;
}

type Requires = 'all-completed' | 'all-resolved';

// How far back in the graph a task's dependencies are: near enough that some are still to be run.
const REACH = 25;
// Has no divisor in common with a hundred, the sum of all shares: kinds are mixed, and each comes as often as it should.
const STEP = 37;

/**
 * A graph of `count` tasks in one group, in an order in which they can be created. Every third one waits for others: some
 * for their success, some for their end however they do. It is the same graph each time, but for its ids.
 */
export function planGraph(count: number): readonly PlannedTask[] {
  const names = Object.entries(KINDS).flatMap(([name, { share }]) => Array<string>(share).fill(name));
  const tasks: PlannedTask[] = [];
  const taskGroupId = newSlugid();
  for (let number = 0; number < count; number += 1) {
    const before = tasks.slice(-REACH);
    const name = names[(number * STEP) % names.length] ?? '';
    // There has to be a failure that it can wait for.
    const canBe = !KINDS[name]?.isBlocked || before.some(neverSucceeds);
    tasks.push(planned(canBe ? name : 'failure', taskGroupId, before, number));
  }
  return tasks;
}

function planned(name: string, taskGroupId: string, before: readonly PlannedTask[], number: number): PlannedTask {
  const kind = KINDS[name];
  if (!kind) throw new Error(`there is no kind ${name}`);
  return planTask(name, kind, { taskGroupId, ...dependenciesOf(kind, before, number) });
}

/** One task of that kind, with `task` laid over its definition. */
export function planTask(name: string, kind: Kind, task: object = {}): PlannedTask {
  const definition = testTask(kind.payload, {
    scopes: kind.scopes ?? [],
    metadata: { name, description: '', owner: 'nobody@localhost.localdomain', source: 'http://localhost/' },
    ...task,
  });
  return { taskId: newSlugid(), name, kind, definition };
}

function dependenciesOf(
  kind: Kind,
  before: readonly PlannedTask[],
  number: number,
): { readonly dependencies?: readonly string[]; readonly requires?: Requires } {
  if (kind.isBlocked) return depend(before.filter(neverSucceeds).slice(-1), 'all-completed');
  if (number % 3 > 0 || kind.cancel !== undefined) return {};
  if (number % 2 === 0) return depend(before.filter(succeeds).slice(-2), 'all-completed');
  return depend(before.filter(({ kind: { ends } }) => ends.length > 0).slice(0, 2), 'all-resolved');
}

function depend(tasks: readonly PlannedTask[], requires: Requires): object {
  return { dependencies: tasks.map(({ taskId }) => taskId), requires };
}

function succeeds({ kind: { ends } }: PlannedTask): boolean {
  return ends.at(-1) === 'completed';
}

function neverSucceeds({ kind: { ends } }: PlannedTask): boolean {
  return ends.length > 0 && ends.at(-1) !== 'completed';
}
