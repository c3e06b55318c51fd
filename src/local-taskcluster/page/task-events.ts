import { PassThrough } from 'node:stream';
import type { TaskChanges } from '../queue/task-changes.js';

const HEARTBEAT_MS = 15_000;
/** A reader that is this far behind is disconnected; it connects again and reads the present state. */
const MOST_BUFFERED_BYTES = 8 * 1024 * 1024;

/** The tasks whose changes are told; all without any of them. */
export interface EventFilter {
  readonly taskGroupId?: string;
  readonly taskId?: string;
}

/**
 * Returns a stream of server-sent events: `task` with `{taskId, taskGroupId, status}` at each change of a task that the
 * filter names, in order. It ends when it is destroyed or the signal aborts.
 */
export function taskEvents(changes: TaskChanges, filter: EventFilter, closing: AbortSignal): PassThrough {
  const stream = new PassThrough();
  const send = (text: string): void => {
    if (stream.writableLength + stream.readableLength > MOST_BUFFERED_BYTES) stream.destroy();
    else stream.write(text);
  };
  const stop = changes.listen(({ taskId, definition: { taskGroupId }, status }) => {
    if (filter.taskId !== undefined && filter.taskId !== taskId) return;
    if (filter.taskGroupId !== undefined && filter.taskGroupId !== taskGroupId) return;
    send(`event: task\ndata: ${JSON.stringify({ taskId, taskGroupId, status })}\n\n`);
  });
  const heartbeat = setInterval(() => {
    send(': still here\n\n');
  }, HEARTBEAT_MS);
  const end = (): void => {
    stream.end();
  };
  closing.addEventListener('abort', end, { once: true });
  stream.once('close', () => {
    stop();
    clearInterval(heartbeat);
    closing.removeEventListener('abort', end);
  });
  // The first bytes tell the reader that no later change will be missed.
  send('retry: 1000\n\n');
  return stream;
}
