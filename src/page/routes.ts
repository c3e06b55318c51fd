/** What the page shows at an address. The addresses are those of the real UI. */
export type Route =
  | { readonly page: 'groups' }
  | { readonly page: 'create' }
  | { readonly page: 'group'; readonly taskGroupId: string }
  | { readonly page: 'task'; readonly taskId: string; readonly runId?: number }
  | {
      readonly page: 'log';
      readonly taskId: string;
      readonly runId: number;
      readonly name: string;
    }
  | { readonly page: 'index'; readonly path: string }
  | { readonly page: 'pools' }
  | { readonly page: 'pool'; readonly taskQueueId: string }
  | { readonly page: 'secrets' }
  | { readonly page: 'shell' }
  | { readonly page: 'display' }
  | { readonly page: 'unknown' };

const ID = /^[A-Za-z0-9_-]{22}$/;
const RUN_ID = /^\d{1,4}$/;

/** Returns what is at the path. */
export function routeOf(pathname: string): Route {
  const [first, ...rest] = partsOf(pathname);
  switch (first) {
    case undefined:
      return { page: 'groups' };
    case 'tasks':
      return tasksRoute(rest);
    case 'worker-pools':
      return rest.length === 0 ? { page: 'pools' } : { page: 'pool', taskQueueId: rest.join('/') };
    case 'secrets':
      return { page: 'secrets' };
    case 'shell':
      return { page: 'shell' };
    case 'display':
    case 'display.html':
      return { page: 'display' };
    default:
      return { page: 'unknown' };
  }
}

/** Returns the parts of a path, decoded; an artifact's name may be one part or several. */
function partsOf(pathname: string): readonly string[] {
  return pathname
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

function tasksRoute([first, ...rest]: readonly string[]): Route {
  if (first === undefined) return { page: 'groups' };
  if (first === 'create') return { page: 'create' };
  if (first === 'index') return { page: 'index', path: rest.join('.') };
  if (first === 'groups') {
    const [taskGroupId = ''] = rest;
    return ID.test(taskGroupId) ? { page: 'group', taskGroupId } : { page: 'unknown' };
  }
  return ID.test(first) ? taskRoute(first, rest) : { page: 'unknown' };
}

function taskRoute(taskId: string, [runs, run, logs, ...name]: readonly string[]): Route {
  if (runs === undefined) return { page: 'task', taskId };
  if (runs !== 'runs' || run === undefined || !RUN_ID.test(run)) return { page: 'unknown' };
  const runId = Number(run);
  if (logs === undefined) return { page: 'task', taskId, runId };
  // "live" only says that the log was live when the address was made.
  const artifact = (name[0] === 'live' ? name.slice(1) : name).join('/');
  return logs === 'logs' && artifact !== '' ? { page: 'log', taskId, runId, name: artifact } : { page: 'unknown' };
}

export function taskPath(taskId: string, runId?: number): string {
  return `/tasks/${taskId}${runId === undefined ? '' : `/runs/${runId}`}`;
}

export function groupPath(taskGroupId: string): string {
  return `/tasks/groups/${taskGroupId}`;
}

/** Returns the address of the page of a log. */
export function logPath(taskId: string, runId: number, name: string): string {
  return `/tasks/${taskId}/runs/${runId}/logs/live/${encodeURIComponent(name)}`;
}

/** Returns the address of an artifact's bytes. */
export function bytesPath(taskId: string, runId: number, name: string): string {
  return `/page/log/${taskId}/${runId}/${name.split('/').map(encodeURIComponent).join('/')}`;
}

export function indexPath(path: string): string {
  return path === '' ? '/tasks/index' : `/tasks/index/${encodeURIComponent(path)}`;
}

export function poolPath(taskQueueId: string): string {
  return `/worker-pools/${taskQueueId.split('/').map(encodeURIComponent).join('/')}`;
}

/** Returns the address to create a task, beginning with the definition of another one. */
export function createPath(from?: { readonly taskId: string; readonly isInteractive?: boolean }): string {
  if (!from) return '/tasks/create';
  return `/tasks/create?from=${from.taskId}${from.isInteractive ? '&interactive=1' : ''}`;
}
