import { useEffect, useRef } from 'preact/hooks';
import type { TaskStatus } from '../api/types.js';
import { FrameBatch } from './frame-batch.js';

export interface TaskEvent {
  readonly taskId: string;
  readonly taskGroupId: string;
  readonly status: TaskStatus;
}

interface Listener {
  /** Called when events begin, again: what was loaded before may be out of date. */
  readonly onOpen: () => void;
  /** Called at most once for each frame of the screen, with the changes since then, in order. */
  readonly onChanges: (events: readonly TaskEvent[]) => void;
}

/**
 * Listens to the changes of the tasks that the query names, as `taskId=…`; of all for an empty one. Does so only while
 * the page can be seen: browsers allow few connections, and all tabs share them.
 */
export function useTaskEvents(query: string, listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    let source: EventSource | undefined;
    const batch = new FrameBatch<TaskEvent>(
      (events) => {
        latest.current.onChanges(events);
      },
      (run) => requestAnimationFrame(run),
    );
    const open = (): void => {
      if (source || document.hidden) return;
      source = new EventSource(`/page/events${query === '' ? '' : `?${query}`}`);
      source.addEventListener('open', () => {
        latest.current.onOpen();
      });
      source.addEventListener('task', ({ data }: MessageEvent<string>) => {
        batch.add(JSON.parse(data) as TaskEvent);
      });
    };
    const close = (): void => {
      source?.close();
      source = undefined;
    };
    const onVisibility = (): void => {
      if (document.hidden) close();
      else open();
    };
    open();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      close();
      batch.clear();
    };
  }, [query]);
}

/** Returns a function that calls `run` soon after its first call, and once for all calls until then. */
export function useThrottled(run: () => void, ms: number): () => void {
  const latest = useRef(run);
  latest.current = run;
  const timer = useRef<number | undefined>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, ms);
  };
}
