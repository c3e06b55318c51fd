import { ApiError } from '../http/api-error.js';
import type { ApiCall, ApiReply, Endpoint } from '../http/endpoint.js';
import { artifactRedirect } from '../index/artifact-redirect.js';
import type { RedirectServices } from '../index/artifact-redirect.js';
import type { Queue } from '../queue/queue.js';
import { createAfterUpstream } from './upstream-dependencies.js';
import { mergedBatch, mergedList } from './merged-answers.js';
import { STATUSES, TASKS, TASKS_AT_INDEX } from './upstream-lists.js';
import type { UpstreamArtifacts } from './upstream-artifacts.js';
import { pathOf, scopesOf } from './upstream-call.js';
import type { UpstreamClient } from './upstream-client.js';

/** A deployment that is asked for what is not here, and what has to be known here to do so. */
export interface Upstream {
  readonly client: UpstreamClient;
  readonly artifacts: UpstreamArtifacts;
  readonly queue: Queue;
  readonly redirects: RedirectServices;
  readonly readsSecrets: boolean;
}

type Run = Endpoint['run'];
type Call = ApiCall<unknown>;

/** Methods whose whole answer comes from where the thing is: here, or else upstream. */
const PASSED_ON: readonly string[] = [
  'queue.task',
  'queue.status',
  'queue.listTaskGroup',
  'queue.getTaskGroup',
  'queue.listDependentTasks',
  'queue.artifactInfo',
  'queue.latestArtifactInfo',
  'queue.listArtifacts',
  'queue.listLatestArtifacts',
  'index.findTask',
  'hooks.hook',
];

/**
 * Returns the endpoints of each service, by its name, so that the reading ones ask upstream for what is not here. The
 * caller needs the same scopes as for things here, and nothing is ever changed upstream.
 */
export function readThrough(
  endpoints: Readonly<Record<string, readonly Endpoint[]>>,
  upstream: Upstream,
): Readonly<Record<string, readonly Endpoint[]>> {
  return Object.fromEntries(
    Object.entries(endpoints).map(([service, methods]) => [
      service,
      methods.map((local) => ({ ...local, run: runOf(local, service, upstream) })),
    ]),
  );
}

function runOf(local: Endpoint, service: string, upstream: Upstream): Run {
  const { client, artifacts, queue, readsSecrets } = upstream;
  const name = `${service}.${local.name}`;
  if (PASSED_ON.includes(name) || (name === 'secrets.get' && readsSecrets)) {
    return orElse(local, upstream, (call) => passOn(client, name, local, call));
  }
  switch (name) {
    case 'queue.getArtifact':
    case 'queue.getLatestArtifact':
      return orElse(local, upstream, (call) => artifacts.download(call));
    case 'queue.artifact':
    case 'queue.latestArtifact':
      return orElse(local, upstream, (call) => artifacts.content(call));
    case 'queue.createTask':
      return createAfterUpstream(local, { client, queue });
    case 'queue.tasks':
      return mergedBatch(local, client, { ...TASKS, keyOf: 'taskId' });
    case 'queue.statuses':
      return mergedBatch(local, client, { ...STATUSES, keyOf: 'taskId' });
    case 'index.findTasksAtIndex':
      return mergedBatch(local, client, { ...TASKS_AT_INDEX, keyOf: 'namespace' });
    case 'index.listTasks':
    case 'index.listNamespaces':
      return mergedList(local, service, client);
    case 'index.findArtifactFromTask':
      return orElse(local, upstream, (call) => redirectToArtifact(upstream, call));
    default:
      return local.run;
  }
}

/** Answers as the local method does, or as `ask` if that finds nothing; both know nothing: a ResourceNotFound. */
function orElse(local: Endpoint, { client, queue }: Upstream, ask: (call: Call) => Promise<ApiReply | undefined>): Run {
  return async (call) => {
    try {
      return await local.run(call);
    } catch (error) {
      const isMissing = error instanceof ApiError && error.code === 'ResourceNotFound';
      // A run or an artifact that a task here does not have yet is nowhere else either.
      if (!isMissing || queue.find(call.param('taskId'))) throw error;
      const answer = await ask(call);
      if (answer) return answer;
      throw new ApiError('ResourceNotFound', `${error.message} ${client.rootUrl} has none either.`);
    }
  };
}

async function passOn(
  client: UpstreamClient,
  name: string,
  local: Endpoint,
  call: Call,
): Promise<ApiReply | undefined> {
  const service = name.slice(0, name.indexOf('.'));
  const request = { call: name, path: pathOf(service, local, call), scopes: scopesOf(local, call) };
  const body = await client.json(request, call.closed);
  return body && { body, isPassedOn: true };
}

/** Redirects to the artifact of the task that upstream has in its index. */
async function redirectToArtifact({ client, redirects }: Upstream, call: Call): Promise<ApiReply | undefined> {
  const indexPath = call.param('indexPath');
  const request = {
    call: 'index.findTask',
    path: `/api/index/v1/task/${encodeURIComponent(indexPath)}`,
    scopes: [`index:find-task:${indexPath}`],
  };
  const taskId = (await client.json(request, call.closed))?.['taskId'];
  return typeof taskId === 'string' ? artifactRedirect(redirects, call, taskId) : undefined;
}
