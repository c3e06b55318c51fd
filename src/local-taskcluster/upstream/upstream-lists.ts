import type { Json, UpstreamClient } from './upstream-client.js';
import { isObject } from './upstream-client.js';

/** A method that looks up many things in one POST. */
export interface BatchMethod {
  /** `<service>.<method>`. */
  readonly call: string;
  readonly path: string;
  /** The property of the request that lists the keys. */
  readonly keys: string;
  /** The property of the answer that lists what was found. */
  readonly items: string;
  readonly scopeOf: (key: string) => string;
}

export const STATUSES: BatchMethod = {
  call: 'queue.statuses',
  path: '/api/queue/v1/tasks/status',
  keys: 'taskIds',
  items: 'statuses',
  scopeOf: (taskId) => `queue:status:${taskId}`,
};

export const TASKS: BatchMethod = {
  call: 'queue.tasks',
  path: '/api/queue/v1/tasks',
  keys: 'taskIds',
  items: 'tasks',
  scopeOf: (taskId) => `queue:get-task:${taskId}`,
};

export const TASKS_AT_INDEX: BatchMethod = {
  call: 'index.findTasksAtIndex',
  path: '/api/index/v1/tasks/indexes',
  keys: 'indexes',
  items: 'tasks',
  scopeOf: (path) => `index:find-task:${path}`,
};

const MOST_KEYS = 500;
// The scopes are in a header, where servers accept some 16 KiB, encoded and beside a certificate.
const MOST_SCOPE_CHARACTERS = 5000;
const MOST_PAGES = 100;

/** Returns everything that the deployment has under these keys. Throws an ApiError. */
export async function lookUp(
  client: UpstreamClient,
  method: BatchMethod,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly Json[]> {
  const found: Json[] = [];
  for (const part of partsOf(keys, method.scopeOf)) found.push(...(await lookUpPart(client, method, part, signal)));
  return found;
}

async function lookUpPart(
  client: UpstreamClient,
  method: BatchMethod,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly Json[]> {
  const found: Json[] = [];
  let query = '';
  for (let page = 0; page < MOST_PAGES; page++) {
    const request = { call: method.call, body: { [method.keys]: keys }, scopes: keys.map(method.scopeOf) };
    const answer = await client.json({ ...request, path: `${method.path}${query}` }, signal);
    if (!answer) throw client.failure(method.call, 'it does not have that method: it is older');
    found.push(...itemsOf(answer, method.items));
    const { continuationToken } = answer;
    if (typeof continuationToken !== 'string') return found;
    query = `?${new URLSearchParams({ continuationToken }).toString()}`;
  }
  throw client.failure(method.call, `its answer has more than ${MOST_PAGES} pages`);
}

/** Returns the objects of a list in an answer; none if there is no such list. */
export function itemsOf(answer: Json, list: string): readonly Json[] {
  const items = answer[list];
  return Array.isArray(items) ? items.filter(isObject) : [];
}

/** Divides the keys so that each part fits into one request. */
function partsOf(keys: readonly string[], scopeOf: (key: string) => string): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let size = Infinity;
  for (const key of keys) {
    const length = scopeOf(key).length;
    let part = parts.at(-1) ?? [];
    if (part.length === MOST_KEYS || size + length > MOST_SCOPE_CHARACTERS) {
      part = [];
      parts.push(part);
      size = 0;
    }
    part.push(key);
    size += length;
  }
  return parts;
}
