import type { RunContext } from './task-context.js';
import type { TaskLog } from './task-log.js';

/** How a run's log becomes artifacts; implemented by the live log. */
export interface LogPublisher {
  /**
   * Offers the log to readers while the run goes on. Returns at once; trouble is logged and never stops the run.
   * `isLive` false: only the backing log is uploaded at the end.
   */
  publish(run: RunContext, log: TaskLog, options: { readonly name: string; readonly isLive: boolean }): PublishedLog;
}

export interface PublishedLog {
  /** Uploads the whole log, which is closed by now, and points the live artifact to it. */
  finish(signal: AbortSignal): Promise<void>;
}
