import type { ArtifactStore, KeptFile } from '../artifacts/artifact-store.js';
import type { Logger } from '../log/logger.js';
import type { RunQueue, TaskDefinition } from '../queue/queue-client.js';
import type { TaskLog } from './task-log.js';

/** The log artifact's name, and whether it can be followed while the run goes on. */
export interface LogArtifact {
  readonly name: string;
  readonly isLive: boolean;
}

/** What of a run its log's artifacts are made with. */
export interface LoggedRun {
  readonly artifacts: ArtifactStore;
  readonly queue: RunQueue;
  readonly log: Logger;
  readonly logFile: KeptFile;
  /** ISO 8601. */
  readonly expires: string;
}

/** A run whose log is about to be written. */
export interface StartedRun extends Omit<LoggedRun, 'expires'> {
  readonly definition: TaskDefinition;
}

/** How a run's log becomes artifacts; implemented by the live log. */
export interface LogPublisher {
  /**
   * Offers the log to readers while the run goes on. Returns at once; trouble is logged and never stops the run.
   * `isLive` false: only the backing log is uploaded at the end.
   */
  publish(run: StartedRun, log: TaskLog, artifact: LogArtifact): PublishedLog;
  /** Uploads the log of a run that ended without `finish`: the worker that ran it died. */
  publishLate(run: LoggedRun, artifact: LogArtifact, signal: AbortSignal): Promise<void>;
}

export interface PublishedLog {
  /** Uploads the whole log, which is closed by now, and points the live artifact to it. */
  finish(signal: AbortSignal): Promise<void>;
}
