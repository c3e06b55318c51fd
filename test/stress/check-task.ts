import got from 'got';
import type { Queue, TaskStatus } from 'taskcluster-client';
import type { PlannedTask } from './graph.js';

const BACKING_LOG = 'public/logs/live_backing.log';
const LOGS = [BACKING_LOG, 'public/logs/live.log'];

/** Of the beginning and of the end of a long text. */
const EXCERPT = 1500;

/** A claim whose answer got lost on the way ends like this, and the queue makes a new run. No worker can help it. */
const LOST = 'claim-expired';

/** Whether the queue is done with the task, so that it can be checked. */
export function isOver({ kind }: PlannedTask, { state, runs }: TaskStatus): boolean {
  if (kind.isBlocked) return state === 'unscheduled';
  return runs.length > 0 && (state === 'completed' || state === 'failed' || state === 'exception');
}

/** What is not as it should be, in words; undefined when all is. */
export async function problemOf(
  queue: Queue,
  task: PlannedTask,
  status: TaskStatus,
  hasFaults: boolean,
): Promise<string | undefined> {
  const { taskId, name, kind } = task;
  const ends = status.runs.map(({ state, reasonResolved }) => reasonResolved ?? state);
  if (!areAsExpected(ends, kind.ends, hasFaults)) {
    return `${name} ${taskId} ended ${list(ends)} instead of ${list(kind.ends)}`;
  }
  if (ends.length === 0 || kind.cancel === 'before it is claimed') return undefined;
  return await contentProblem(queue, task);
}

/** What is wrong with the log and the artifacts of the task's last run. */
export async function contentProblem(queue: Queue, task: PlannedTask): Promise<string | undefined> {
  try {
    return (await artifactsProblem(queue, task)) ?? (await logProblem(queue, task));
  } catch (error) {
    return `${task.name} ${task.taskId} could not be checked: ${String(error)}`;
  }
}

function areAsExpected(ends: readonly string[], expected: readonly string[], hasFaults: boolean): boolean {
  if (!hasFaults) return ends.join() === expected.join();
  const meant = ends.filter((end) => end !== LOST);
  // The lost run may have been the one that was to fail.
  return meant.length > 0 ? expected.join().endsWith(meant.join()) : expected.length === 0;
}

async function artifactsProblem(queue: Queue, { taskId, name, kind }: PlannedTask): Promise<string | undefined> {
  const { artifacts } = await queue.listLatestArtifacts(taskId);
  const names = artifacts.map((artifact) => artifact.name).sort();
  const expected = [...LOGS, ...Object.keys(kind.artifacts ?? {})].sort();
  if (names.join() !== expected.join()) return `${name} ${taskId} has ${list(names)} instead of ${list(expected)}`;
  for (const [artifact, text] of Object.entries(kind.artifacts ?? {})) {
    const published = await textOf(queue, taskId, artifact);
    if (published !== text) return `${name} ${taskId} has ${JSON.stringify(excerpt(published))} in ${artifact}`;
  }
  return undefined;
}

async function logProblem(queue: Queue, { taskId, name, kind }: PlannedTask): Promise<string | undefined> {
  // What the worker says of its absence, and its engine's, may stand between any two lines.
  const log = (await textOf(queue, taskId, BACKING_LOG)).replace(
    /^\[taskcluster [^\]]*\] (?:The worker|Docker) was .*\n/gm,
    '',
  );
  if (kind.log?.test(log) === false) return `${name} ${taskId} has no ${String(kind.log)} in its log:\n${excerpt(log)}`;
  const times = kind.output === undefined ? 1 : log.split(kind.output).length - 1;
  return times === 1 ? undefined : `${name} ${taskId} has its output ${times} times in its log:\n${excerpt(log)}`;
}

function excerpt(text: string): string {
  if (text.length <= 2 * EXCERPT) return text;
  return `${text.slice(0, EXCERPT)}\n… ${text.length} characters in all …\n${text.slice(-EXCERPT)}`;
}

async function textOf(queue: Queue, taskId: string, name: string): Promise<string> {
  return await got(queue.buildSignedUrl(queue.getLatestArtifact, taskId, name)).text();
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'nothing' : words.join(', ');
}
