import type { TaskView } from '../../local-taskcluster/server.js';

/** Who runs a task: a docker-worker, the queue itself, or a worker that there is none of here. */
export type WorkerKind =
  | { readonly kind: 'docker-worker' }
  | { readonly kind: 'built-in' }
  | { readonly kind: 'other'; readonly implementation: string };

const DOCKER_WORKER = { kind: 'docker-worker' } as const;
const BUILT_IN = { kind: 'built-in' } as const;
const BUILT_IN_QUEUES = new Set(['built-in/succeed', 'built-in/fail']);
/** The tag by which authors of graphs (taskgraph among them) name the worker that a payload is made for. */
const TAG = 'worker-implementation';
const UNKNOWN = 'another worker';

const KEYS_OF_GENERIC_WORKER = ['mounts', 'osGroups', 'rdpInfo', 'logs'];
const KEYS_OF_SCRIPTWORKER = ['upstreamArtifacts', 'releaseProperties'];
/** Of common workers, only a docker-worker has these; a generic-worker's payload is told apart before. */
const KEYS_OF_DOCKER_WORKER = ['command', 'maxRunTime', 'capabilities', 'cache', 'encryptedEnv'];

/**
 * Returns who runs a task: its tag says so, or the shape of its payload. A payload that could be one for a docker-worker
 * with mistakes in it is left to a docker-worker, whose log tells the author what is wrong.
 */
export function workerKind({ taskQueueId, tags, payload }: TaskView['definition']): WorkerKind {
  if (BUILT_IN_QUEUES.has(taskQueueId)) return BUILT_IN;
  const tag = tags[TAG];
  const implementation = tag === undefined || tag === '' ? implementationOf(payload) : tag;
  return implementation === DOCKER_WORKER.kind ? DOCKER_WORKER : { kind: 'other', implementation };
}

function implementationOf(payload: Readonly<Record<string, unknown>>): string {
  const hasOneOf = (keys: readonly string[]): boolean => keys.some((key) => payload[key] !== undefined);
  if (hasOneOf(['image'])) return DOCKER_WORKER.kind;
  if (hasOneOf(KEYS_OF_GENERIC_WORKER) || hasListsOfGenericWorker(payload)) return 'generic-worker';
  if (hasOneOf(KEYS_OF_SCRIPTWORKER)) return 'scriptworker';
  return hasOneOf(KEYS_OF_DOCKER_WORKER) ? DOCKER_WORKER.kind : UNKNOWN;
}

/** Its command is a list of lists, except on Windows, and its artifacts are a list. */
function hasListsOfGenericWorker({ command, artifacts }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(artifacts) || (Array.isArray(command) && command.some((part) => Array.isArray(part)));
}
