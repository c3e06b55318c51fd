import type { RunContext } from './task-context.js';
import type { TaskLog } from './task-log.js';

/** The log artifact's name, and whether it can be followed while the run goes on. */
export interface LogArtifact {
  readonly name: string;
  readonly isLive: boolean;
}

/** What of a run its log's artifacts are made with. */
export interface LoggedRun extends Pick<RunContext, 'artifacts' | 'queue' | 'log' | 'logFile'> {
  /** ISO 8601. */
  readonly expires: string;
}

/** How a run's log becomes artifacts; implemented by the live log. */
export interface LogPublisher {
  /**
   * Offers the log to readers while the run goes on. Returns at once; trouble is logged and never stops the run.
   * `isLive` false: only the backing log is uploaded at the end.
   */
  publish(run: RunContext, log: TaskLog, artifact: LogArtifact): PublishedLog;
  /** Uploads the log of a run that ended without `finish`: the worker that ran it died. */
  publishLate(run: LoggedRun, artifact: LogArtifact, signal: AbortSignal): Promise<void>;
}

export interface PublishedLog {
  /** Uploads the whole log, which is closed by now, and points the live artifact to it. */
  finish(signal: AbortSignal): Promise<void>;
}
