import type { ConfigTree } from '../config/layers.js';

/** The machine is about to go away, or somebody wants it to. */
export interface TerminationNotice {
  /** Who says so, for the log. */
  readonly reason: string;
  /** Whether running tasks may end by themselves; otherwise they are resolved worker-shutdown at once. */
  readonly finishTasks: boolean;
}

/** The kind of machine the worker runs on and what it can tell and do. One for the life of the worker. */
export interface Host {
  readonly name: string;
  /** What the machine knows of the configuration: part of it, not validated. ConfigError if its sources are unusable. */
  configure(): Promise<ConfigTree>;
  /**
   * Looks every `pollIntervalMs`, or listens where the host can, and calls `onNotice` once per notice. Resolves when no
   * further notice can come; rejects with the signal's reason.
   */
  terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  /** Seconds since the machine came up. */
  uptimeSeconds(): Promise<number>;
  /** Gives the machine back, as the last thing the worker does; where it is not the worker's to give, nothing. */
  shutdown(): Promise<void>;
}
