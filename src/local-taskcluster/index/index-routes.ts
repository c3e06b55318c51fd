import { INDEX_PATH } from '../http/route.js';
import type { Task } from '../queue/task.js';
import type { InsertTaskRequest } from '../schemas/index-schemas.js';
import type { IndexTable } from './index-table.js';

const PREFIX = 'index.';

/** Indexes a completed task under its routes, with the rank, data and expiry of its `extra.index`. */
export function followIndexRoutes(index: IndexTable, { taskId, definition }: Task): void {
  const entry = entryOf(taskId, definition.extra['index'], definition.expires);
  if (!entry) return;
  for (const route of definition.routes) {
    const path = route.startsWith(PREFIX) ? route.slice(PREFIX.length) : '';
    if (INDEX_PATH.test(path)) index.insert(path, entry);
  }
}

/** Returns undefined when `extra.index` is invalid: the task is then not indexed, without an error. */
function entryOf(taskId: string, extra: unknown, taskExpires: string): InsertTaskRequest | undefined {
  const { rank = 0, data = {}, expires = taskExpires } = Object(extra) as Readonly<Record<string, unknown>>;
  if (typeof rank !== 'number' || !isRecord(data) || typeof expires !== 'string') return undefined;
  if (Number.isNaN(new Date(expires).getTime())) return undefined;
  return { taskId, rank, data, expires };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
