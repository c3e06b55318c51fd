import { call, listAll } from './call.js';
import type { Artifact, Definition, Group, GroupTask, TaskStatus } from './types.js';

const QUEUE = '/api/queue/v1';

/** A problem of a definition and where it is, as `/payload/image`. */
export interface DefinitionProblem {
  readonly path: string;
  readonly message: string;
}

export async function listGroups(signal?: AbortSignal): Promise<readonly Group[]> {
  const { groups } = await call<{ readonly groups: readonly Group[] }>('/page/api/groups', { signal });
  return groups;
}

export async function listTaskGroup(taskGroupId: string, signal?: AbortSignal): Promise<readonly GroupTask[]> {
  return listAll<GroupTask>(`${QUEUE}/task-group/${taskGroupId}/list`, 'tasks', signal);
}

export async function getDefinition(taskId: string, signal?: AbortSignal): Promise<Definition> {
  return call<Definition>(`${QUEUE}/task/${taskId}`, { signal });
}

export async function getStatus(taskId: string, signal?: AbortSignal): Promise<TaskStatus> {
  const { status } = await call<{ readonly status: TaskStatus }>(`${QUEUE}/task/${taskId}/status`, { signal });
  return status;
}

export async function listDependents(taskId: string, signal?: AbortSignal): Promise<readonly GroupTask[]> {
  return listAll<GroupTask>(`${QUEUE}/task/${taskId}/dependents`, 'tasks', signal);
}

export async function listArtifacts(taskId: string, runId: number, signal?: AbortSignal): Promise<readonly Artifact[]> {
  return listAll<Artifact>(`${QUEUE}/task/${taskId}/runs/${runId}/artifacts`, 'artifacts', signal);
}

/** Returns where a reference leads. */
export async function referenceOf(taskId: string, runId: number, name: string): Promise<string | undefined> {
  const path = `${QUEUE}/task/${taskId}/runs/${runId}/artifact-content/${encodeURIComponent(name)}`;
  return (await call<{ readonly url?: string }>(path)).url;
}

/** Reruns, cancels or schedules a task. */
export async function change(taskId: string, verb: 'rerun' | 'cancel' | 'schedule'): Promise<TaskStatus> {
  const { status } = await call<{ readonly status: TaskStatus }>(`${QUEUE}/task/${taskId}/${verb}`, { method: 'POST' });
  return status;
}

export async function createTask(taskId: string, definition: unknown): Promise<void> {
  await call(`${QUEUE}/task/${taskId}`, { method: 'PUT', body: definition });
}

/** Returns what the queue and a docker-worker would refuse. */
export async function checkDefinition(definition: unknown, signal: AbortSignal): Promise<readonly DefinitionProblem[]> {
  const { problems } = await call<{ readonly problems: readonly DefinitionProblem[] }>('/page/api/check', {
    method: 'POST',
    body: { definition },
    signal,
  });
  return problems;
}
