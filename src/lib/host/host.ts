import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';

/** Notice that the machine is about to go away, or should. */
export interface TerminationNotice {
  /** The source of the notice, for the log. */
  readonly reason: string;
  /** Whether running tasks may end normally; otherwise they are resolved worker-shutdown at once. */
  readonly finishTasks: boolean;
}

/** A problem for the operator to check. Reports are public, so they must not contain secrets. */
export interface ErrorReport {
  /** The kind of problem, one word; reports are counted by it. */
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The kind of machine the worker runs on, with what it offers. One for the life of the worker. */
export interface Host {
  readonly name: string;
  /** True if worker-manager knows this worker and decides whether it is needed. */
  readonly isManaged?: boolean;
  /** Default settings for such a machine, which files override. */
  readonly defaults?: ConfigTree;
  /**
   * Returns the machine's part of the configuration, not validated. Throws a ConfigError if its sources are unusable, a
   * HostError if the machine can't become a worker at all.
   */
  configure(): Promise<ConfigTree>;
  /**
   * Calls `onNotice` for each notice; a later one may be more urgent. Polls every `pollIntervalMs`, or listens if the
   * host can. Resolves when no further notice can come; rejects with the signal's reason.
   */
  terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Calls `onRenewed` with new credentials that replace the worker's own, whenever there are any. Resolves when there
   * will be no more; rejects with the signal's reason. Absent: the worker keeps its first credentials.
   */
  credentialRenewals?(onRenewed: (credentials: Credentials) => void, signal: AbortSignal): Promise<void>;
  /** Reports to the pool's owners; absent if the host has no way to. */
  reportError?(report: ErrorReport): Promise<void>;
  /** Returns the seconds since the machine booted. */
  uptimeSeconds(): Promise<number>;
  /** Shuts the machine down, as the worker's last action; does nothing if the worker may not do that. */
  shutdown(): Promise<void>;
}

/** Thrown when the machine can't become a worker and a retry won't help: it should be shut down. */
export class HostError extends Error {
  override readonly name = 'HostError';
}
